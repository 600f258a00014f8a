import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { createTokensWorld, type TokensWorldOptions } from '../../../test/tokens.ts'
import { createServer } from '../../http/server.ts'
import { systemRandom } from '../../kernel/random.ts'
import { rotateKeys } from './keyring.ts'
import { jwksRoutes } from './routes.ts'

async function server(options?: TokensWorldOptions) {
  const world = await createTokensWorld(options)
  const { app } = await createServer({
    logger: pino({ level: 'silent' }),
    random: systemRandom,
    trustedProxies: [],
    corsOrigins: [],
    https: false,
    urls: { publicUrl: undefined, allowedHosts: [], localUrl: () => 'http://localhost:8000' },
    defaultLanguage: 'en',
  })
  jwksRoutes(app, world.tokens)
  onTestFinished(async () => {
    world.keyring.close()
    await app.close()
  })
  return { world, get: (url: string) => app.inject({ url, headers: { authorization: 'Bearer junk' } }) }
}

it.for(['ES256', 'EdDSA', 'RS256'] as const)(
  'serves the key set of %s to anyone, for five minutes',
  async (algorithm) => {
    const { world, get } = await server({ algorithm })
    const answer = await get('/.well-known/jwks.json')
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300',
    })
    expect(answer.json()).toEqual(world.tokens.jwks())
  },
)

it('serves it with a trailing slash too', async () => {
  const { world, get } = await server()
  expect((await get('/.well-known/jwks.json/')).json()).toEqual(world.tokens.jwks())
})

it('shows a key that was announced by another process', async () => {
  const { world, get } = await server()
  await rotateKeys(world.vault, { compromised: false }, world.clock.now())
  await world.keyring.refresh()
  expect((await get('/.well-known/jwks.json')).json()).toMatchObject({ keys: [{}, {}] })
})

it('never serves a private member', async () => {
  const { world, get } = await server({ algorithm: 'RS256' })
  const [{ privateJwk }] = world.keyring.keys()
  const { payload } = await get('/.well-known/jwks.json')
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    expect(privateJwk[member]).toBeDefined()
    expect(payload).not.toContain(privateJwk[member])
    expect(payload).not.toContain(`"${member}"`)
  }
})
