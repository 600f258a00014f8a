import { existsSync, mkdirSync, readdirSync } from 'node:fs'
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
    const unbroken = out.replace(/\n {20,}/g, ' ')
    for (const { name, summary } of COMMANDS) expect(unbroken).toMatch(new RegExp(`^  ${name}.*${summary}$`, 'm'))
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

describe('on a data folder without an installation, such as a mistyped one,', () => {
  it.each([
    'worker',
    'keys list',
    'keys rotate',
    'keys rotate --compromised',
    'keys rekey --yes',
    'users unlock 1',
    'users deactivate 1',
    'users activate 1',
    'users end-sessions 1',
  ])('%s says that there is none, and makes nothing', async (words) => {
    const world = createCommandWorld({ EMAIL_HOST: '127.0.0.1', EMAIL_PORT: '9', EMAIL_FROM: 'a@example.com' })
    const said = `There is no installation in DATA_DIR (${world.dataDir}): start the server once, or set DATA_DIR.`
    expect(await world.type(words)).toMatchObject({ code: 1, out: '', err: said })
    expect(existsSync(world.dataDir)).toBe(false)
    mkdirSync(world.dataDir)
    expect((await world.type(`${words} --json`)).json).toEqual({ error: said })
    expect(readdirSync(world.dataDir)).toEqual([])
  })

  it('migrate makes the database, with which the first start goes on', async () => {
    const world = createCommandWorld()
    expect((await world.type('migrate')).code).toBe(0)
    const standardInput = 'Correct-Horse-7'
    const { out } = await world.type('create-admin --email a@example.com --password-stdin', { standardInput })
    expect(out).toContain('User 1')
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
