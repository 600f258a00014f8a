import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { text } from 'node:stream/consumers'
import { decodeJwt } from 'jose'
import { expect, it, onTestFinished, type TestContext } from 'vitest'
import { rotateKeys } from '../../src/features/tokens/keyring.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { after, before, minutes } from '../../src/kernel/duration.ts'
import { needs } from '../needs.ts'
import { AUDIENCE, createTokensWorld, ISSUER, type TokensWorld, type TokensWorldOptions } from '../tokens.ts'

// Python's readers have only the machine's clock.
const now = systemClock.now()

async function world(options: TokensWorldOptions = {}): Promise<TokensWorld> {
  const made = await createTokensWorld({ start: now, ...options })
  onTestFinished(() => made.keyring.close())
  return made
}

type Readings = Record<string, { pyjwt: string | null; access_token: string | null; request: string | null }>

const ACCEPTED = { pyjwt: '42', access_token: '42', request: '42' }
const REFUSED = { pyjwt: null, access_token: null, request: null }

/** What PyJWT and a stock simplejwt service make of the tokens, given the world's key set over HTTP. */
async function read(test: TestContext, w: TokensWorld, tokens: Record<string, string>): Promise<Readings> {
  const python = needs(test, 'python')
  const program = fileURLToPath(new URL('read_tokens.py', import.meta.url))
  const child = spawn(python, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const settings = { ALGORITHM: 'ES256', JWK_URL: await serveKeys(w), ISSUER, AUDIENCE }
  child.stdin.end(JSON.stringify({ settings, tokens }))
  return JSON.parse(await text(child.stdout)) as Readings
}

async function serveKeys(w: TokensWorld): Promise<string> {
  const server = createServer((_, response) => response.end(JSON.stringify(w.tokens.jwks()))).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`
}

it('lets PyJWT and a stock simplejwt service accept access tokens and nothing else of ours', async (test) => {
  const w = await world()
  const earlier = await world({ start: before(now, minutes(20)), storage: w.vault.storage, secret: w.secret })
  const stranger = await world()
  const readings = await read(test, w, {
    access: w.signAccess(),
    refresh: w.signRefresh(),
    secondFactor: w.tokens.signSecondFactor({
      pendingId: '019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a17',
      userId: 42,
      issuedAt: now,
      expiresAt: after(now, minutes(10)),
    }),
    lookalike: secondFactorLookalike(w),
    expired: earlier.signAccess(),
    stranger: stranger.signAccess(),
    changed: w.signAccess().replace(/.{6}$/, 'AAAAAA'),
  })
  expect(readings).toEqual({
    access: ACCEPTED,
    refresh: REFUSED,
    secondFactor: REFUSED,
    lookalike: REFUSED,
    expired: REFUSED,
    stranger: REFUSED,
    changed: REFUSED,
  })
})

it('lets them accept old and new tokens through a rotation, and none of a compromised key', async (test) => {
  const w = await world({ start: before(now, minutes(11)) })
  await rotateKeys(w.vault, { compromised: false }, w.clock.now())
  await w.keyring.refresh()
  const byTheOld = w.signAccess()
  w.turn(minutes(11))
  const byTheNew = w.signAccess()
  expect(await read(test, w, { byTheOld, byTheNew })).toEqual({ byTheOld: ACCEPTED, byTheNew: ACCEPTED })

  await rotateKeys(w.vault, { compromised: true }, w.clock.now())
  await w.keyring.refresh()
  expect(await read(test, w, { byTheOld, byTheNew, fresh: w.signAccess() })).toEqual({
    byTheOld: REFUSED,
    byTheNew: REFUSED,
    fresh: ACCEPTED,
  })
})

/** A token between the two steps of a sign-in, with all that an access token says and the number of its key. */
function secondFactorLookalike(w: TokensWorld): string {
  const segment = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const { kid } = w.keyring.keys()[0]
  const claims = { ...decodeJwt(w.signAccess()), token_type: 'second_factor' }
  const input = `${segment({ alg: 'HS256', typ: '2fa+jwt', kid })}.${segment(claims)}`
  return `${input}.${createHmac('sha256', w.secret.key('second-factor-token')).update(input).digest('base64url')}`
}
