import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { temporaryFolder } from '../../test/database.ts'

const LEAKED = 'Never-Leaked-7'
const ONLINE_FORM = '4FE28A05FE5E4BBB4A59C4F3A3B3B0BFDA79B9F1:12\n'

const filterOf = ({ dataDir }: CommandWorld): string => join(dataDir, 'breached.filter')

function listOf(text: string): string {
  const path = join(temporaryFolder(), 'list.txt')
  writeFileSync(path, text)
  return path
}

/** What the doctor says of the list. */
async function diagnosis(world: CommandWorld): Promise<string> {
  const { json } = await world.type('doctor --json')
  const { level, text } = json.findings.find(({ topic }: { topic: string }) => topic === 'breached list')
  return `${level}: ${text}`
}

it('passwords import takes files and standard input together, for nobody else to read, and the doctor tells of them', async () => {
  const world = await startedWorld()
  expect(await diagnosis(world)).toMatch(/^ok: none/)
  const words = `passwords import ${listOf(ONLINE_FORM)} - ${listOf('one\ntwo')}`
  const { code, out } = await world.type(words, { standardInput: `${LEAKED}\n` })
  expect([code, out]).toEqual([
    0,
    expect.stringMatching(/^4 breached passwords are in .*breached\.filter \(0\.0 MiB\)/),
  ])
  expect(statSync(filterOf(world)).mode & 0o777).toBe(0o600)
  expect(readdirSync(world.dataDir).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(await diagnosis(world)).toMatch(/^ok: 4 breached passwords, imported \d{4}-\d\d-\d\d, 0\.0 MiB$/)
})

it('passwords import prints one line of JSON', async () => {
  const world = await startedWorld()
  const { json } = await world.type('passwords import - --json', { standardInput: 'one\n' })
  expect(json).toEqual({ entries: 1, bytes: 8256, path: filterOf(world) })
})

it('passwords import refuses what is no list, and leaves the one before as it was', async () => {
  const world = await startedWorld()
  await world.type('passwords import -', { standardInput: LEAKED })
  const before = readFileSync(filterOf(world))
  const ntlm = `${'0'.repeat(32)}:5`
  expect(await world.type('passwords import -', { standardInput: ntlm })).toMatchObject({
    code: 1,
    err: 'standard input, line 1: these are NTLM hashes. Latchkey wants the list of SHA-1 hashes. Nothing was changed.',
  })
  expect((await world.type(`passwords import ${world.dataDir}/none`)).err).toContain('There is no file')
  expect((await world.type('passwords import - -')).err).toContain('give - once')
  expect((await world.type('passwords import')).code).toBe(2)
  expect(readFileSync(filterOf(world)).equals(before)).toBe(true)
  expect((await world.type('passwords import - --words', { standardInput: ntlm })).code).toBe(0)
})

it('passwords import makes nothing where there is no installation', async () => {
  const world = createCommandWorld()
  const { code, err } = await world.type('passwords import -', { standardInput: 'one' })
  expect([code, err]).toEqual([1, expect.stringContaining('There is no installation')])
  expect(existsSync(world.dataDir)).toBe(false)
})

it('create-admin refuses a password in the list, and takes another', async () => {
  const world = await startedWorld()
  await world.type('passwords import -', { standardInput: LEAKED })
  const make = (password: string) =>
    world.type('create-admin --email sara@example.com --password-stdin', { standardInput: password })
  expect((await make(LEAKED)).err).toContain('This password is in a list of leaked passwords')
  expect((await make(`${LEAKED}8`)).code).toBe(0)
})

it('doctor and create-admin name a damaged list', async () => {
  const world = await startedWorld()
  await world.type('passwords import -', { standardInput: LEAKED })
  writeFileSync(filterOf(world), readFileSync(filterOf(world)).fill(0xff, 100, 101))
  expect(await diagnosis(world)).toMatch(/^fault: .*breached\.filter is damaged: .*its checksum differs/)
  const { code, err } = await world.type('create-admin --email sara@example.com --password-stdin', {
    standardInput: 'Fine-Horse-77',
  })
  expect([code, err]).toEqual([1, expect.stringContaining('its checksum differs')])
})
