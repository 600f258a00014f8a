import { describe, expect, it } from 'vitest'
import { createCommandWorld } from '../../test/command.ts'
import { VERSION } from '../kernel/version.ts'
import { COMMANDS } from './all.ts'

describe('what is not understood ends with exit code 2 and says what was most likely meant', () => {
  it.each([
    ['kyes list', 'There is no command "kyes list". Did you mean keys list?'],
    ['keys rotat', 'There is no command "keys rotat". Did you mean keys rotate?'],
    ['docter', 'There is no command "docter". Did you mean doctor?'],
    ['frobnicate', 'There is no command "frobnicate". See latchkey --help.'],
    ['keys list --jsn', 'There is no option "--jsn". Did you mean --json?'],
    ['create-admin --emial a@example.com', 'There is no option "--emial". Did you mean --email?'],
    ['create-admin', 'latchkey create-admin wants --email.'],
    ['create-admin --email', 'argument missing'],
    ['users unlock', 'latchkey users unlock wants EMAIL_OR_ID.'],
    ['users unlock 1 2', 'latchkey users unlock takes no "2".'],
    ['keys', 'keys rotate'],
    ['', 'Usage: latchkey COMMAND'],
  ])('%s', async (words, said) => {
    const { code, out, err } = await createCommandWorld().type(words)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(said)
  })
})

describe('help', () => {
  it.each(['--help', '-h', 'help'])('is there by %s, and names every command', async (words) => {
    const { code, out } = await createCommandWorld().type(words)
    expect(code).toBe(0)
    for (const { name, summary } of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name}.*${summary}$`, 'm'))
  })

  it.each(COMMANDS.map(({ name }) => name))('of %s names its options, and does nothing', async (name) => {
    const { code, out, err } = await createCommandWorld().type(`${name} --help`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const command = COMMANDS.find((command) => command.name === name)!
    expect(out.startsWith(`Usage: latchkey ${name}`)).toBe(true)
    for (const option of Object.keys(command.options)) expect(out).toContain(`--${option}`)
  })

  it('of a group names its commands', async () => {
    const { code, out } = await createCommandWorld().type('keys --help')
    expect(code).toBe(0)
    expect(out).toContain('keys rekey')
    expect(out).not.toContain('doctor')
  })
})

it('tells its version', async () => {
  expect((await createCommandWorld().type('--version')).out).toBe(VERSION)
})

it('names what is wrong with the settings, in words or as JSON, with exit code 1', async () => {
  const world = createCommandWorld({ PORT: 'eight', LOG_LEVEL: 'loud' })
  const { code, err } = await world.type('keys list')
  expect(code).toBe(1)
  expect(err).toMatch(/2 problems with the settings:\n {2}PORT must be .*\n {2}LOG_LEVEL must be/)
  const { json } = await world.type('keys list --json')
  expect(json).toEqual({ error: err })
})
