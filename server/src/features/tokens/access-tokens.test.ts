import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AUDIENCE, createTokensWorld, ISSUER, type TokensWorld, type TokensWorldOptions } from '../../../test/tokens.ts'
import { minutes, seconds } from '../../kernel/duration.ts'
import { rotateKeys } from './keyring.ts'

async function world(options?: TokensWorldOptions): Promise<TokensWorld> {
  const made = await createTokensWorld(options)
  onTestFinished(() => made.keyring.close())
  return made
}

/** The key set as another service reads it. */
const keySet = ({ tokens }: TokensWorld) =>
  createLocalJWKSet(JSON.parse(JSON.stringify(tokens.jwks())) as JSONWebKeySet)

describe('an access token', () => {
  it.for(['ES256', 'EdDSA', 'RS256'] as const)(
    'signed with %s satisfies an independent reader of our JWKS',
    async (algorithm) => {
      const w = await world({ algorithm })
      const { payload, protectedHeader } = await jwtVerify(w.signAccess(), keySet(w), {
        algorithms: [algorithm],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: 'at+jwt',
        requiredClaims: ['exp', 'iat', 'sub', 'jti'],
        currentDate: w.clock.now(),
      })
      expect(payload['user_id']).toBe('42')
      expect(protectedHeader).toEqual({ alg: algorithm, typ: 'at+jwt', kid: w.tokens.jwks().keys[0]?.kid })
    },
  )

  it('carries the claims of the contract, in its order', async () => {
    const w = await world()
    const payload = decodeJwt(w.signAccess({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] }))
    const iat = Math.floor(w.clock.now().getTime() / 1000)
    expect(Object.entries(payload)).toEqual([
      ['iss', ISSUER],
      ['sub', '42'],
      ['aud', AUDIENCE],
      ['iat', iat],
      ['exp', iat + 900],
      ['jti', expect.stringMatching(/^[\w-]{22}$/)],
      ['sid', expect.any(String)],
      ['auth_time', iat],
      ['acr', 'aal2'],
      ['amr', ['pwd', 'otp', 'mfa']],
      ['email_verified', true],
      ['phone_verified', false],
      ['token_type', 'access'],
      ['user_id', '42'],
    ])
  })

  it('comes back as the claims it was made of', async () => {
    const w = await world()
    const verdict = w.tokens.verifyAccess(w.signAccess({ userId: 7, phoneVerified: true }), w.clock.now())
    expect(verdict).toMatchObject({
      kind: 'valid',
      claims: { userId: 7, phoneVerified: true, acr: 'aal1', amr: ['pwd'] },
    })
  })

  it('is another one each time', async () => {
    const w = await world()
    expect(w.signAccess()).not.toBe(w.signAccess())
  })

  it('ends with its last second, by our clock, whether or not it was seen before', async () => {
    const w = await world()
    const [seen, unseen] = [w.signAccess(), w.signAccess()]
    const kindOf = (token: string) => w.tokens.verifyAccess(token, w.clock.now()).kind
    w.turn(minutes(14))
    expect(kindOf(seen)).toBe('valid')
    w.turn(seconds(59))
    expect(kindOf(seen)).toBe('valid')
    w.turn(seconds(1))
    expect([kindOf(seen), kindOf(seen), kindOf(unseen)]).toEqual(['expired', 'expired', 'expired'])
  })

  it('gives claims that nobody can change for the next request', async () => {
    const w = await world()
    const token = w.signAccess()
    const verdict = w.tokens.verifyAccess(token, w.clock.now())
    if (verdict.kind !== 'valid') throw new Error(verdict.kind)
    expect(() => Object.assign(verdict.claims, { userId: 1 })).toThrow(TypeError)
    expect(() => (verdict.claims.amr as string[]).push('mfa')).toThrow(TypeError)
  })

  it('is refused at once when its key was compromised, though it was verified a moment before', async () => {
    const w = await world()
    const token = w.signAccess()
    expect(w.tokens.verifyAccess(token, w.clock.now()).kind).toBe('valid')
    await rotateKeys(w.vault, { compromised: true }, w.clock.now())
    await w.keyring.refresh()
    expect(w.tokens.verifyAccess(token, w.clock.now())).toEqual({ kind: 'invalid' })
    expect(w.tokens.verifyAccess(w.signAccess(), w.clock.now()).kind).toBe('valid')
  })

  it('stays right when far more tokens are seen than are remembered', async () => {
    const w = await world()
    const first = w.signAccess()
    for (let seen = 0; seen < 5100; seen++) w.tokens.verifyAccess(w.signAccess(), w.clock.now())
    expect(w.tokens.verifyAccess(first, w.clock.now()).kind).toBe('valid')
  })

  it('never outlives its key, even when the lifetime grew in the middle of a rotation', async () => {
    const w = await world()
    const [before] = w.keyring.keys()
    await rotateKeys({ ...w.vault, accessLifetime: minutes(1) }, { compromised: false }, w.clock.now())
    await w.keyring.refresh()
    w.turn(minutes(9))
    const { exp } = decodeJwt(w.signAccess())
    expect(decodeProtectedHeader(w.signAccess()).kid).toBe(before.kid)
    expect(exp).toBe(Math.floor(w.keyring.keys()[0].dropsAt!.getTime() / 1000))
  })
})

describe('a refresh token', () => {
  it('follows from session and generation alone, byte for byte', async () => {
    const w = await world()
    const again = await world({ secret: w.secret })
    expect(w.signRefresh()).toBe(w.signRefresh())
    expect(again.signRefresh()).toBe(w.signRefresh())
    expect(w.signRefresh({ generation: 4 })).not.toBe(w.signRefresh())
    expect(decodeJwt(w.signRefresh({ generation: 4 })).jti).not.toBe(decodeJwt(w.signRefresh()).jti)
  })

  it('keeps the header that tokens already given out carry', async () => {
    const w = await world()
    const [header] = w.signRefresh().split('.')
    expect(Buffer.from(header!, 'base64url').toString()).toBe('{"alg":"HS256","typ":"rt+jwt"}')
  })

  it('comes back as the grant it was made of, until its second ends', async () => {
    const w = await world()
    const expiresAt = new Date('2026-03-01T12:10:00Z')
    const token = w.signRefresh({ expiresAt, generation: 5, userId: 7 })
    const verify = () => w.tokens.verifyRefresh(token, w.clock.now())
    expect(verify()).toMatchObject({ kind: 'valid', claims: { generation: 5, userId: 7, expiresAt } })
    w.turn(seconds(599))
    expect(verify().kind).toBe('valid')
    w.turn(seconds(1))
    expect(verify()).toEqual({ kind: 'expired' })
  })

  it('is no token of ours under another secret', async () => {
    const [w, stranger] = [await world(), await world()]
    expect(w.tokens.verifyRefresh(stranger.signRefresh(), w.clock.now())).toEqual({ kind: 'invalid' })
  })
})

describe('a token of the one kind given for the other', () => {
  it('has the wrong type', async () => {
    const w = await world()
    expect(w.tokens.verifyAccess(w.signRefresh(), w.clock.now())).toEqual({ kind: 'wrong_type' })
    expect(w.tokens.verifyRefresh(w.signAccess(), w.clock.now())).toEqual({ kind: 'wrong_type' })
  })

  it('is expired before it has the wrong type', async () => {
    const w = await world()
    const token = w.signAccess()
    w.turn(minutes(20))
    expect(w.tokens.verifyRefresh(token, w.clock.now())).toEqual({ kind: 'expired' })
  })

  it('is merely invalid when its signature is not ours', async () => {
    const [w, stranger] = [await world(), await world()]
    expect(w.tokens.verifyAccess(stranger.signRefresh(), w.clock.now())).toEqual({ kind: 'invalid' })
    expect(w.tokens.verifyRefresh(stranger.signAccess(), w.clock.now())).toEqual({ kind: 'invalid' })
  })
})
