import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startedWorld } from '../../test/command.ts'
import { minutes } from '../kernel/duration.ts'

const statesOf = (json: { keys: { state: string }[] }): string[] => json.keys.map(({ state }) => state)

describe('keys', () => {
  it('are announced ten minutes before they sign, and leave when their last token has ended', async () => {
    const world = await startedWorld()
    expect(statesOf((await world.type('keys list --json')).json)).toEqual(['signing'])
    const { out } = await world.type('keys rotate')
    expect(out).toMatch(/signs until 2026-11-22T09:10:00Z, is dropped 2026-11-22T09:26:00Z\n/)
    expect(out).toMatch(/announced: signs from 2026-11-22T09:10:00Z$/)
    world.clock.turn(minutes(10))
    expect(statesOf((await world.type('keys list --json')).json)).toEqual(['retired', 'signing'])
    world.clock.turn(minutes(16))
    expect(statesOf((await world.type('keys list --json')).json)).toEqual(['signing'])
  })

  it('are told to programs in the words of the API', async () => {
    const world = await startedWorld()
    const [key] = (await world.type('keys list --json')).json.keys
    expect(key).toEqual({
      kid: expect.stringMatching(/^[\w-]{43}$/),
      algorithm: 'ES256',
      state: 'signing',
      created_at: '2026-11-22T09:00:00.000Z',
      signs_from: '2026-11-22T09:00:00.000Z',
    })
  })

  it('never shows a private part', async () => {
    const world = await startedWorld()
    const printed = (await world.type('keys rotate --json')).out + (await world.type('keys list')).out
    expect(printed).not.toMatch(/"d"|private|sealed/i)
  })

  it('are all dropped at once when compromised, and the operator is told what that means elsewhere', async () => {
    const world = await startedWorld()
    const before = (await world.type('keys list --json')).json.keys[0].kid as string
    const { code, out } = await world.type('keys rotate --compromised')
    expect(code).toBe(0)
    expect(out).not.toContain(before)
    expect(out).toContain('up to 300 seconds')
    expect(statesOf((await world.type('keys list --json')).json)).toEqual(['signing'])
  })

  it.each([
    ['lost', (path: string) => rmSync(path)],
    ['damaged', (path: string) => writeFileSync(path, '{')],
  ])('that are %s stop every other command, and --compromised makes new ones', async (_, spoil) => {
    const world = await startedWorld()
    spoil(join(world.dataDir, 'keys.json'))
    for (const words of ['keys list', 'keys rotate', 'users unlock 1']) {
      const { code, err } = await world.type(words)
      expect(code).toBe(1)
      expect(err).toContain('keys rotate --compromised')
    }
    expect((await world.type('keys rotate --compromised')).code).toBe(0)
    expect((await world.type('keys list')).code).toBe(0)
  })

  it('of another secret are neither read nor replaced', async () => {
    const world = await startedWorld()
    world.set({ SECRET_KEY: 'another secret than the one of the data folder' })
    expect((await world.type('keys rotate --compromised')).err).toContain('keys rekey')
    world.set({ SECRET_KEY: undefined })
    expect((await world.type('keys list')).code).toBe(0)
  })
})
