import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createSoftPasskey, type RequestOptions } from '../../../test/authenticator.ts'
import {
  candidate,
  creationOptions,
  signInOptions,
  stepOptions,
  turnOnTwoFactors,
  userWithPasskey,
} from '../../../test/passkeys.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld } from '../../../test/world.ts'

const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(null, true, 0, -1, 1e300, '', '=', 'A', 'AA==', '\0', '\ud800', '{}', [], {}, [[]], '__proto__'),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.jsonValue({ maxDepth: 3 }).map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
  fc.integer({ min: 1, max: 12_000 }).map((count) => 'A'.repeat(count)),
  // CBOR that promises more than comes, or goes down without end.
  fc.constantFrom('n____w', 'u______8', Buffer.alloc(5000, 0x81).toString('base64url'), 'owFnb3JkaW5hbA'),
  fc.jsonValue({ maxDepth: 3 }),
)

type Body = Readonly<Record<string, unknown>>

/** The body with one member, of its own or of its `response`, put in place of what it was or left out. */
const spoilt = (body: Body) => {
  const inner = body['response'] as Body
  const replace = (of: Body) =>
    fc
      .tuple(fc.constantFrom(...Object.keys(of)), fc.option(junk, { nil: undefined }))
      .map(([name, value]) => ({ ...of, [name]: value }))
  return fc.oneof(
    { weight: 1, arbitrary: replace(body) },
    { weight: 3, arbitrary: replace(inner).map((response) => ({ ...body, response })) },
    { weight: 1, arbitrary: junk.map((response) => ({ ...body, response })) },
  )
}

/** The bytes of a member with some of them changed: what is signed, and what is parsed before its signature is looked at. */
const bitten = (body: Body) => {
  const inner = body['response'] as Readonly<Record<string, string>>
  const names = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
  return fc
    .tuple(
      fc.constantFrom(...names.filter((name) => name in inner)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat()),
    )
    .map(([name, bites, cut]) => {
      const bytes = Buffer.from(inner[name]!, 'base64url')
      for (const [at, value] of bites) bytes[at % bytes.length] = value
      const kept = cut === null ? bytes : bytes.subarray(0, cut % bytes.length)
      return { ...body, response: { ...inner, [name]: kept.toString('base64url') } }
    })
}

const RUNS = { numRuns: 100 }

// What is spoilt would be refused as it is, but only when everything in it has been read.
it('junk in the place of a credential is a 400, whatever it is', { timeout: 120_000 }, async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const { user, passkey } = await userWithPasskey(world)
  const { body: creation } = await creationOptions(world, user)
  const anothersKey = createSoftPasskey()
  const forged = (options: RequestOptions): Body => ({
    ...anothersKey.sign(options),
    id: passkey.id,
    rawId: passkey.id,
  })
  const signIn = forged(await signInOptions(world))
  await turnOnTwoFactors(world, user)
  const token = await candidate(world, user)
  const step = forged((await stepOptions(world, token)).body)
  const cases: readonly [string, Body, string | undefined][] = [
    ['/api/passkeys/', createSoftPasskey().register(creation, { algorithm: -35 }), user.access],
    ['/api/token/passkey/', signIn, undefined],
    ['/api/passkeys/verify/', step, token],
  ]
  for (const [path, body, bearer] of cases) {
    const isRefused = async (body: Body) => {
      const answer = await world.call('POST', path, { body, ...(bearer !== undefined && { token: bearer }) })
      expect([answer.status, answer.body.code]).toEqual([400, expect.stringMatching(/^(passkey_)?invalid$/)])
    }
    await isRefused(body)
    await fc.assert(fc.asyncProperty(spoilt(body), isRefused), RUNS)
    await fc.assert(fc.asyncProperty(bitten(body), isRefused), RUNS)
  }
  expect(world.logged()).not.toContain('"level":50')
})
