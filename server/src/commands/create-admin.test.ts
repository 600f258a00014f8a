import { describe, expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld } from '../../test/command.ts'
import { createPasswords } from '../features/passwords/service.ts'
import { parseEmail } from '../kernel/address.ts'
import { systemRandom } from '../kernel/random.ts'
import { findByEmail } from '../features/users/service.ts'

const PASSWORD = 'Correct-Horse-7'

const find = (world: CommandWorld, email: string) => world.inside(({ db }) => findByEmail(db, parseEmail(email)!))

async function opens(world: CommandWorld, email: string, password: string): Promise<boolean> {
  const user = await find(world, email)
  const passwords = createPasswords({ config: world.config(), random: systemRandom, hashesAtOnce: 1 })
  return (await passwords.verify(user?.passwordHash, password)).matches
}

describe('create-admin', () => {
  it('makes the first admin before the server was ever started, with the password from standard input', async () => {
    const world = createCommandWorld()
    const { code, out, err } = await world.type('create-admin --email Sara@example.com --password-stdin', {
      standardInput: `${PASSWORD}\n`,
    })
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('User 1, Sara@example.com, was made, an admin.')
    expect(out).not.toContain(PASSWORD)
    expect((await find(world, 'sara@example.com'))?.adminSince).toEqual(world.clock.now())
    expect(await opens(world, 'sara@example.com', PASSWORD)).toBe(true)
  })

  it('takes all but the final newline for the password, spaces too', async () => {
    const world = createCommandWorld()
    await world.type('create-admin --email a@example.com --password-stdin', { standardInput: ` ${PASSWORD} \r\n` })
    expect(await opens(world, 'a@example.com', ` ${PASSWORD} `)).toBe(true)
  })

  it('asks for the password twice at a terminal, and does nothing when the two differ', async () => {
    const world = createCommandWorld()
    const different = await world.type('create-admin --email a@example.com', { answers: [PASSWORD, `${PASSWORD}8`] })
    expect(different).toMatchObject({ code: 1, err: 'The two passwords differ. Nothing was done.' })
    expect(await find(world, 'a@example.com')).toBeUndefined()
    expect((await world.type('create-admin --email a@example.com', { answers: [PASSWORD, PASSWORD] })).code).toBe(0)
    expect(await opens(world, 'a@example.com', PASSWORD)).toBe(true)
  })

  it('says what to do where there is nobody to ask', async () => {
    const { code, err } = await createCommandWorld().type('create-admin --email a@example.com')
    expect(code).toBe(1)
    expect(err).toContain('--password-stdin')
  })

  it.each([
    ['composition', 'short', ['at least 8 characters', 'upper-case', 'punctuation']],
    ['nist', 'Correct-Horse-', ['at least 15 characters']],
  ])('refuses a password against the %s policy, telling all its faults', async (policy, standardInput, faults) => {
    const world = createCommandWorld({ PASSWORD_POLICY: policy })
    const { code, err } = await world.type('create-admin --email a@example.com --password-stdin', { standardInput })
    expect(code).toBe(1)
    for (const fault of faults) expect(err).toContain(fault)
    expect(await find(world, 'a@example.com')).toBeUndefined()
  })

  it('makes an existing user an admin and leaves the password as it was', async () => {
    const world = createCommandWorld()
    await world.type('create-admin --email a@example.com --password-stdin', { standardInput: PASSWORD })
    await world.inside(({ db }) => db.updateTable('users').set({ adminSince: null }).execute())
    const { json } = await world.type('create-admin --email A@example.com --password-stdin --json', {
      standardInput: 'Another-Horse-8',
    })
    expect(json).toEqual({ id: 1, email: 'a@example.com', created: false, deactivated: false })
    expect((await find(world, 'a@example.com'))?.adminSince).not.toBeNull()
    expect(await opens(world, 'a@example.com', PASSWORD)).toBe(true)
    expect((await world.type('create-admin --email a@example.com')).out).toContain('is an admin already')
  })

  it('warns where the address was never verified: whoever registered it may be somebody else', async () => {
    const world = createCommandWorld()
    await world.type('create-admin --email a@example.com --password-stdin', { standardInput: PASSWORD })
    const promoteWith = async (emailVerifiedAt: Date | null) => {
      await world.inside(({ db }) => db.updateTable('users').set({ adminSince: null, emailVerifiedAt }).execute())
      return (await world.type('create-admin --email a@example.com')).out
    }
    expect(await promoteWith(null)).toContain('never verified: whoever registered it knows the password')
    expect(await promoteWith(new Date(0))).not.toContain('never verified')
  })

  it('refuses what is no address, and another spelling of a mailbox that has an account', async () => {
    const world = createCommandWorld()
    const input = { standardInput: PASSWORD }
    expect((await world.type('create-admin --email nobody --password-stdin', input)).err).toContain('not an e-mail')
    await world.type('create-admin --email some.body@gmail.com --password-stdin', input)
    const again = await world.type('create-admin --email somebody@gmail.com --password-stdin', input)
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('under another spelling') })
  })
})
