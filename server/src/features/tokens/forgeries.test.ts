import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import fc from 'fast-check'
import { base64url, decodeJwt, type JWTHeaderParameters, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { AUDIENCE, createTokensWorld, ISSUER, type TokensWorld } from '../../../test/tokens.ts'

let w: TokensWorld
beforeAll(async () => {
  w = await createTokensWorld()
})
afterAll(() => w.keyring.close())

const kindOf = (token: string): string => w.tokens.verifyAccess(token, w.clock.now()).kind
const kid = (): string => w.keyring.keys()[0].kid
const claims = () => decodeJwt(w.signAccess())
const refreshKey = (): Uint8Array => w.secret.key('refresh-token')

const ours = () => createPrivateKey({ key: w.keyring.keys()[0].privateJwk, format: 'jwk' })
const header = (): JWTHeaderParameters => ({ alg: 'ES256', typ: 'at+jwt', kid: kid() })

/** A token signed by our own key, as only a mistake of ours could make it. */
const signedByUs = (changed: Record<string, unknown>, changedHeader: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ ...claims(), ...changed }).setProtectedHeader({ ...header(), ...changedHeader }).sign(ours())

/** A token with these very bytes as header, rightly signed by our own key. */
function withHeaderText(text: string): string {
  const input = `${base64url.encode(text)}.${w.signAccess().split('.')[1]}`
  const signature = sign('sha256', Buffer.from(input), { key: ours(), dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function withHmac(headerText: string, payload: object, secret: Uint8Array | string): string {
  const input = `${base64url.encode(headerText)}.${base64url.encode(JSON.stringify(payload))}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

describe('an access token is refused', () => {
  it('without a signature', async () => {
    const unsigned = new UnsecuredJWT(claims()).encode()
    const [, payload, signature] = w.signAccess().split('.')
    const none = base64url.encode('{"alg":"none","typ":"at+jwt"}')
    expect([unsigned, `${none}.${payload}.`, `${none}.${payload}.${signature}`].map(kindOf)).toEqual(
      Array(3).fill('invalid'),
    )
    expect(kindOf(w.signAccess().replace(/\.[^.]*$/, '.'))).toBe('invalid')
  })

  it('when signed by HMAC, our public key the secret', () => {
    const publicKey = createPublicKey(ours())
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(w.tokens.jwks().keys[0]),
      '',
    ]
    for (const secret of secrets) {
      expect(kindOf(withHmac(JSON.stringify({ ...header(), alg: 'HS256' }), claims(), secret))).toBe('invalid')
      expect(kindOf(withHmac(JSON.stringify(header()), claims(), secret))).toBe('invalid')
    }
  })

  it('when signed by HMAC under our own secrets', () => {
    const secondFactor = { ...claims(), token_type: 'second_factor' }
    expect(kindOf(withHmac('{"alg":"HS256","typ":"at+jwt"}', claims(), refreshKey()))).toBe('invalid')
    expect(kindOf(withHmac('{"alg":"HS256","typ":"2fa+jwt"}', secondFactor, refreshKey()))).toBe('invalid')
    expect(kindOf(withHmac('{"alg":"HS256","typ":"rt+jwt"}', claims(), refreshKey()))).toBe('invalid')
  })

  it('when another key signed it, under its own kid or ours', async () => {
    const stranger = await createTokensWorld()
    const key = createPrivateKey({ key: stranger.keyring.keys()[0].privateJwk, format: 'jwk' })
    expect(kindOf(stranger.signAccess())).toBe('invalid')
    expect(kindOf(await new SignJWT(claims()).setProtectedHeader(header()).sign(key))).toBe('invalid')
    stranger.keyring.close()
  })

  it('when its header names a kid we do not have, or none', async () => {
    const { kid: _, ...without } = header()
    const none = await new SignJWT(claims()).setProtectedHeader(without).sign(ours())
    const strange = ['x', '', '__proto__', 'constructor', '../keys.json', "' or 1=1 --"]
    const tokens = await Promise.all(strange.map((other) => signedByUs({}, { kid: other })))
    expect([none, ...tokens].map(kindOf)).toEqual(Array(7).fill('invalid'))
  })

  it('when its header wants something followed or understood, even with our signature', async () => {
    const jwk = w.tokens.jwks().keys[0]
    const wants = [
      { jku: `${ISSUER}/.well-known/jwks.json` },
      { x5u: ISSUER },
      { jwk },
      { x5c: ['AA=='] },
      { b64: true, crit: ['b64'] },
    ]
    const tokens = await Promise.all(wants.map((want) => signedByUs({}, want)))
    tokens.push(withHeaderText(JSON.stringify({ ...header(), crit: ['exp'], exp: 1 })))
    expect(tokens.map(kindOf)).toEqual(Array(6).fill('invalid'))
  })

  it('when a member of its header stands there twice', () => {
    const twice = [
      `{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"${kid()}"}`,
      `{"alg":"ES256","typ":"rt+jwt","typ":"at+jwt","kid":"${kid()}"}`,
      `{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"${kid()}"}`,
    ]
    expect(twice.map(withHeaderText).map(kindOf)).toEqual(Array(3).fill('invalid'))
    expect(kindOf(withHeaderText(JSON.stringify(header())))).toBe('valid')
  })

  it.for(['JWT', 'rt+jwt', '2fa+jwt', 'AT+JWT', 'application/at+jwt', ''])('when its typ is "%s"', async (typ) => {
    expect(kindOf(await signedByUs({}, { typ }))).toBe('invalid')
  })

  it.for([
    ['no end', { exp: undefined }],
    ['an end that is text', { exp: '9999999999' }],
    ['an end that is no whole number', { exp: 9999999999.5 }],
    ['an end that is null', { exp: null }],
    ['a beginning', { nbf: 1 }],
    ['another issuer', { iss: 'https://elsewhere.example' }],
    ['no issuer', { iss: undefined }],
    ['our issuer among others', { iss: [ISSUER] }],
    ['another audience', { aud: 'https://elsewhere.example' }],
    ['no audience', { aud: undefined }],
    ['our audience among others', { aud: [AUDIENCE, 'https://elsewhere.example'] }],
    ['no subject', { sub: undefined }],
    ['a subject that is no user', { sub: '0', user_id: '0' }],
    ['a subject that is a number', { sub: 42 }],
    ['two users', { user_id: '43' }],
    ['no id', { jti: undefined }],
    ['another token_type', { token_type: 'refresh' }],
    ['the second factor as token_type', { token_type: 'second_factor' }],
    ['no session', { sid: undefined }],
    ['an unknown acr', { acr: 'aal3' }],
  ] as const)('with %s, even with our signature', async ([, changed]) => {
    expect(kindOf(await signedByUs(changed))).toBe('invalid')
  })

  it('in any other spelling of the same bytes', () => {
    const token = w.signAccess()
    const [head, payload, signature] = token.split('.') as [string, string, string]
    const respelt = [
      ...otherSpareBits(head).map((other) => `${other}.${payload}.${signature}`),
      ...otherSpareBits(payload).map((other) => `${head}.${other}.${signature}`),
      ...otherSpareBits(signature).map((other) => `${head}.${payload}.${other}`),
      ...['\n', '\r\n', ' ', '=', '==', '\0', '.', '\u2028', '.x'].flatMap((extra) => [token + extra, extra + token]),
      `${head}=.${payload}.${signature}`,
      `${head}\n.${payload}.${signature}`,
      `${head}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`,
      `${head}..${payload}.${signature}`,
      `${head}.${payload}`,
      '',
      '.',
      '..',
    ]
    expect(otherSpareBits(signature)).toHaveLength(15)
    expect(respelt.filter((text) => kindOf(text) !== 'invalid')).toEqual([])
  })

  it('when it is longer than 4 KiB, even with our signature', async () => {
    expect(kindOf(await signedByUs({ amr: ['x'.repeat(2000)] }))).toBe('valid')
    expect(kindOf(await signedByUs({ amr: ['x'.repeat(4000)] }))).toBe('invalid')
    expect(kindOf('x'.repeat(10_000_000))).toBe('invalid')
  })

  it('when anything in it was changed', () => {
    const token = w.signAccess()
    const alphabet = fc.constantFrom(...'ABCXYZabcxyz0189-_.=+/ \n')
    const mutation = fc.record({
      at: fc.nat(token.length - 1),
      removed: fc.nat(3),
      inserted: fc.array(alphabet, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(mutation, ({ at, removed, inserted }) => {
        const mutated = token.slice(0, at) + inserted.join('') + token.slice(at + removed)
        return mutated === token || kindOf(mutated) === 'invalid'
      }),
      { numRuns: 1500 },
    )
  })
})

describe('a refresh token is refused', () => {
  const kindOfRefresh = (token: string): string => w.tokens.verifyRefresh(token, w.clock.now()).kind
  const payload = () => decodeJwt(w.signRefresh())
  const text = '{"alg":"HS256","typ":"rt+jwt"}'

  it('when anything in it was changed', () => {
    const token = w.signRefresh()
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'ABCXYZabcxyz0189-_.=\n'), (at, character) => {
        const mutated = token.slice(0, at) + character + token.slice(at + 1)
        return mutated === token || kindOfRefresh(mutated) === 'invalid'
      }),
      { numRuns: 1500 },
    )
  })

  it('with a claim missing or of another form, even with our signature', () => {
    expect(kindOfRefresh(withHmac(text, payload(), refreshKey()))).toBe('valid')
    const changes = [
      { exp: undefined },
      { exp: '9999999999' },
      { nbf: 1 },
      { jti: undefined },
      { sid: undefined },
      { generation: -1 },
      { generation: '3' },
      { user_id: 42 },
      { token_type: 'access' },
      { token_type: 'second_factor' },
    ]
    const tokens = changes.map((changed) => withHmac(text, { ...payload(), ...changed }, refreshKey()))
    expect(tokens.map(kindOfRefresh)).toEqual(Array(changes.length).fill('invalid'))
  })

  it('when it is of another kind under the same secret', () => {
    const headers = [
      '{"alg":"HS256","typ":"2fa+jwt"}',
      '{"alg":"HS256","typ":"JWT"}',
      '{"alg":"HS512","typ":"rt+jwt"}',
      '{"alg":"none"}',
    ]
    expect(headers.map((other) => kindOfRefresh(withHmac(other, payload(), refreshKey())))).toEqual(
      Array(4).fill('invalid'),
    )
  })
})

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The segment with its last character replaced by all that decode to the same bytes. */
function otherSpareBits(segment: string): string[] {
  const bytes = Buffer.from(segment, 'base64url')
  const stem = segment.slice(0, -1)
  return [...BASE64URL]
    .map((last) => stem + last)
    .filter((other) => other !== segment && Buffer.from(other, 'base64url').equals(bytes))
}
