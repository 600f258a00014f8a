import { describe, expect, it } from 'vitest'
import { inTurn } from '../../../test/wire.ts'
import { createWorld, ON_SQLITE } from '../../../test/world.ts'

const settings = { THROTTLE_ANON: 'off', THROTTLE_LOGIN: '1000/min', THROTTLE_LOGIN_FAILED: '20/min' }

describe('a sign-in that fails', () => {
  // Guard: `NOBODY` in `recogniseNetwork`. Seen failing where an unknown account's network is not asked for.
  it('runs the same statements for an account that is not there, refused or made to wait by account or address', async () => {
    const statements: string[] = []
    const world = await createWorld({
      settings,
      compose: { ...ON_SQLITE, beforeStatement: (text) => void statements.push(text) },
    })
    const { email } = await world.signedInUser()
    const attempt = (to: string, from: string) =>
      world.call('POST', '/api/token/', { body: { email: to, password: 'Wrong-Horse-7', device: 'made-up' }, from })

    async function ranFor(to: string, from: string): Promise<readonly string[][]> {
      return inTurn(26, async (index) => {
        statements.length = 0
        // The account waits from the sixth on; others use up the address.
        await attempt(index < 8 || index === 25 ? to : `other${index}@example.com`, from)
        return [...statements]
      })
    }

    const known = await ranFor(email, '198.51.100.1')
    expect(await ranFor('nobody@example.com', '198.51.100.2')).toEqual(known)
    // As many kinds of work as there are answers: refused, the first wait begun, wait by account, wait by address.
    expect(new Set(known.map((each) => each.join(';'))).size).toBeGreaterThanOrEqual(3)
  })
})

describe('whoever has to wait', () => {
  it('is in the log with where too many failed, which the answer does not tell', async () => {
    const world = await createWorld({ settings })
    const attempt = (email: string) =>
      world.call('POST', '/api/token/', { body: { email, password: 'Wrong-Horse-7' }, from: '198.51.100.1' })
    await inTurn(6, () => attempt('nobody@example.com'))
    expect(world.logged()).toContain('failed sign-ins at the account')
    await inTurn(16, (index) => attempt(`nobody${index}@example.com`))
    expect(world.logged()).toContain('failed sign-ins at the address')
    expect((await attempt('nobody@example.com')).text).not.toContain('the address')
  })
})
