import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { after, type Duration, minutes, seconds } from '../../kernel/duration.ts'
import { createTokensWorld, type TokensWorld } from '../../../test/tokens.ts'
import { describeKeys, readKeys, rotateKeys } from './keyring.ts'
import { generateSigningKey, signingKeyAt, thumbprint } from './keys.ts'

const NOW = new Date('2026-03-01T12:00:00Z')

describe('a key id', () => {
  it('is the thumbprint of RFC 7638 §3.1', () => {
    const modulus =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
      'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn' +
      '1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    expect(thumbprint({ kty: 'RSA', n: modulus, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    )
  })

  it.for(['ES256', 'EdDSA', 'RS256'] as const)('of %s is what an independent reader computes', async (algorithm) => {
    const { kid, privateJwk } = await generateSigningKey(algorithm, NOW, NOW)
    expect(kid).toBe(await calculateJwkThumbprint({ ...privateJwk, kty: privateJwk.kty! }))
  })
})

describe('the public key set', () => {
  it.for([
    ['ES256', ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']],
    ['EdDSA', ['alg', 'crv', 'kid', 'kty', 'use', 'x']],
    ['RS256', ['alg', 'e', 'kid', 'kty', 'n', 'use']],
  ] as const)('holds public members alone for %s', async ([algorithm, members]) => {
    const w = await createTokensWorld({ algorithm })
    const { keys } = w.tokens.jwks()
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([members])
    expect(keys[0]).toMatchObject({ alg: algorithm, use: 'sig' })
    w.keyring.close()
  })
})

describe('a rotation', () => {
  const kidsIn = (w: TokensWorld) => w.tokens.jwks().keys.map((key) => key.kid)
  const signing = (w: TokensWorld) => signingKeyAt(w.keyring.keys(), w.clock.now()).kid
  const rotate = async (w: TokensWorld, compromised = false) => {
    await rotateKeys(w.vault, { compromised }, w.clock.now())
    await w.keyring.refresh()
  }

  it('announces the new key ten minutes before it signs and keeps the old one until its last token has ended', async () => {
    const w = await createTokensWorld()
    const [old] = kidsIn(w)
    await rotate(w)
    const fresh = kidsIn(w).at(-1)
    w.turn(seconds(599))
    expect([signing(w), kidsIn(w)]).toEqual([old, [old, fresh]])
    w.turn(seconds(1))
    expect([signing(w), kidsIn(w)]).toEqual([fresh, [old, fresh]])
    w.turn(minutes(15))
    expect(kidsIn(w)).toEqual([old, fresh])
    w.turn(minutes(1))
    expect(kidsIn(w)).toEqual([fresh])
    w.keyring.close()
  })

  it('fails no live token and never signs with a key the set has not held for ten minutes', async () => {
    const w = await createTokensWorld()
    const [first] = kidsIn(w)
    const heldSince = new Map<string, Date>()
    let live: string[] = []
    for (let minute = 0; minute < 240; minute++) {
      if ([5, 6, 40, 100, 104, 111, 112].includes(minute)) await rotate(w)
      const now = w.clock.now()
      for (const kid of kidsIn(w)) if (!heldSince.has(kid)) heldSince.set(kid, now)
      if (signing(w) !== first) expect(after(heldSince.get(signing(w))!, minutes(10)) <= now).toBe(true)
      live = [...live.slice(-14), w.signAccess()]
      expect(live.filter((token) => w.tokens.verifyAccess(token, now).kind !== 'valid')).toEqual([])
      w.turn(minutes(1))
    }
    expect(heldSince.size).toBe(8)
    expect(kidsIn(w)).toHaveLength(1)
    w.keyring.close()
  })

  it('of compromised keys drops every one at once and signs at once with the new one', async () => {
    const w = await createTokensWorld()
    await rotate(w)
    const before = kidsIn(w)
    const token = w.signAccess()
    await rotate(w, true)
    expect(kidsIn(w)).toHaveLength(1)
    expect(before).not.toContain(signing(w))
    expect(w.tokens.verifyAccess(token, w.clock.now()).kind).toBe('invalid')
    expect(w.tokens.verifyAccess(w.signAccess(), w.clock.now()).kind).toBe('valid')
    w.keyring.close()
  })

  it('leaves keys that have ended out of what is stored', async () => {
    const w = await createTokensWorld()
    await rotate(w)
    w.turn(minutes(60))
    await rotate(w)
    expect(await readKeys(w.vault)).toHaveLength(2)
    w.keyring.close()
  })

  it('still signs when the clock was turned back before every key', async () => {
    const w = await createTokensWorld()
    await rotate(w)
    w.turn(-minutes(1000) as Duration)
    expect(w.tokens.verifyAccess(w.signAccess(), w.clock.now()).kind).toBe('valid')
    w.keyring.close()
  })

  it('shows an operator what each key is doing, and none of its secrets', async () => {
    const w = await createTokensWorld()
    await rotate(w)
    const states = () => describeKeys(w.keyring.keys(), w.clock.now()).map(({ state }) => state)
    expect(states()).toEqual(['signing', 'announced'])
    w.turn(minutes(10))
    expect(states()).toEqual(['retired', 'signing'])
    expect(JSON.stringify(describeKeys(w.keyring.keys(), w.clock.now()))).not.toContain('privateJwk')
    w.keyring.close()
  })
})
