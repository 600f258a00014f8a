import { afterAll, expect, it, onTestFinished, type TestContext } from 'vitest'
import { SecretDiffers } from '../../src/compose/foundation.ts'
import { rotateKeys } from '../../src/features/tokens/keyring.ts'
import { createCommandWorld } from '../command.ts'
import { needsPostgres, stopPostgres } from '../postgres.ts'
import { UNLIMITED } from '../unlimited.ts'
import { createWorld, type World } from '../world.ts'
import { createRelay } from './relay.ts'

afterAll(stopPostgres)

const SECRET_KEY = 'a secret of this test, and of nobody else'

const databaseOf = async (t: TestContext): Promise<string> =>
  (await needsPostgres(t)).create(process.env['TEST_DATABASE_TEMPLATE'])

const worldOn = (DATABASE_URL: string): Promise<World> =>
  createWorld({ settings: { ...UNLIMITED, SECRET_KEY, DATABASE_URL }, compose: { inMemory: false } })

it('a server whose database is away says so by 503s, stays alive, and goes on when it is back', async (t) => {
  const url = new URL(await databaseOf(t))
  const relay = await createRelay(Number(url.port))
  onTestFinished(() => relay[Symbol.asyncDispose]())
  await relay.turn('fair')
  url.port = String(relay.port)
  const world = await worldOn(url.href)
  const user = await world.signedInUser()
  const ask = async (): Promise<number[]> => [
    (await world.call('GET', '/readyz')).status,
    (await world.call('GET', '/api/users/me/', { token: user.access })).status,
    (await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })).status,
    (await world.call('GET', '/healthz')).status,
  ]
  expect(await ask()).toEqual([200, 200, 200, 200])
  await relay.turn('refused')
  expect(await ask()).toEqual([503, 503, 503, 200])
  const { headers, body } = await world.call('GET', '/api/users/me/', { token: user.access })
  expect([headers['retry-after'], body.code]).toEqual(['1', 'overloaded'])
  await relay.turn('fair')
  expect(await ask()).toEqual([200, 200, 200, 200])
})

it('servers on one database honour each other’s sessions and keys, whichever replaced the keys', async (t) => {
  const url = await databaseOf(t)
  const [one, other] = [await worldOn(url), await worldOn(url)]
  const user = await one.signedInUser()
  const me = async (world: World, token: string) => (await world.call('GET', '/api/users/me/', { token })).status
  expect(await me(other, user.access)).toBe(200)
  await rotateKeys(one.latchkey.foundation.vault, { compromised: true }, one.clock.now())
  await expect.poll(() => me(other, user.access), { timeout: 10_000 }).toBe(401)
  const { access } = (await other.signIn(user)).body
  await expect.poll(() => me(one, access), { timeout: 10_000 }).toBe(200)
  expect((await one.call('POST', '/api/logout/', { token: access, body: { refresh: user.refresh } })).status).toBe(200)
})

it('a server with another secret does not start, and commands work on the database from a folder of nobody', async (t) => {
  const DATABASE_URL = await databaseOf(t)
  const command = createCommandWorld({ DATABASE_URL, SECRET_KEY })
  expect((await command.type('users activate 1')).err).toContain('There is no installation in DATABASE_URL')
  await worldOn(DATABASE_URL)
  const made = await command.type('create-admin --email a@example.com --password-stdin', {
    standardInput: 'Correct-Horse-7',
  })
  expect(made.out).toContain('was made, an admin')
  expect((await command.type('migrate')).out).toContain('is up to date')
  expect((await command.type('keys list --json')).json.keys).toHaveLength(1)
  expect((await command.type('audit verify')).code).toBe(0)
  expect((await command.type('doctor')).out).toContain('is sound and up to date: 1 user')
  command.set({ SECRET_KEY: 'another secret, with which nothing can be read' })
  await expect(command.inside(async () => {})).rejects.toThrow(SecretDiffers)
  expect((await command.type('keys rekey --yes')).err).toContain('Another process has the database open')
})

it('a change of the secret moves the signing keys in the database too', async (t) => {
  const DATABASE_URL = await databaseOf(t)
  const command = createCommandWorld({ DATABASE_URL, SECRET_KEY })
  await command.inside(async () => {})
  const kid = (await command.type('keys list --json')).json.keys[0].kid
  command.set({ SECRET_KEY: 'another secret, to which everything is moved' })
  const moved = await command.type('keys rekey --yes --old-secret-stdin', { standardInput: SECRET_KEY })
  expect(moved.out).toContain('Everything is under the secret of the settings now')
  expect((await command.type('keys list --json')).json.keys[0].kid).toBe(kid)
})
