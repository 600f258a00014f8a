import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { type Cbor, toCbor } from './cbor.ts'

/** What of WebAuthn's creation options an authenticator goes by. */
export interface CreationOptions {
  readonly rp: { readonly id: string }
  readonly user: { readonly id: string }
  readonly challenge: string
}

/** What of WebAuthn's request options an authenticator goes by. */
export interface RequestOptions {
  readonly rpId: string
  readonly challenge: string
}

/** Where an authenticator and its browser lie, or what differs from the usual. */
export interface Twist {
  readonly origin?: string
  readonly rpId?: string
  readonly challenge?: string
  /** The page's `clientDataJSON` has these members too, or instead. */
  readonly clientData?: Readonly<Record<string, unknown>>
  readonly userPresent?: boolean
  readonly userVerified?: boolean
  readonly isBackupEligible?: boolean
  readonly isBackedUp?: boolean
  readonly signCount?: number
  readonly userHandle?: string | null
  /** COSE's number of the algorithm the new key claims to be for. */
  readonly algorithm?: number
  readonly attestation?: { readonly format: string; readonly statement: ReadonlyMap<string, Cbor> }
  readonly transports?: readonly string[]
}

/** A passkey in software: a P-256 key that says and signs what a browser would send. */
export interface SoftPasskey {
  readonly id: string
  /** As `credential.toJSON()` gives it after `navigator.credentials.create()`. */
  register(options: CreationOptions, twist?: Twist): ReturnType<typeof credentialOf>
  /** As `credential.toJSON()` gives it after `navigator.credentials.get()`. Counts, unless made not to. */
  sign(options: RequestOptions, twist?: Twist): ReturnType<typeof credentialOf>
}

const ORIGIN = 'http://localhost:8000'

const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')
const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest()

/** `counts` false: as passkeys kept in an account do, its counter stays 0. */
export function createSoftPasskey({ counts = true }: { readonly counts?: boolean } = {}): SoftPasskey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = randomBytes(16)
  let userHandle = base64url('nobody')
  let uses = 0
  return {
    id: base64url(id),
    register(options, twist = {}) {
      userHandle = options.user.id
      const attested = Buffer.concat([Buffer.alloc(16), lengthOf(id), id, toCbor(coseKey(publicKey, twist.algorithm))])
      const authData = Buffer.concat([authenticatorData(options.rp.id, twist, 0, ATTESTED), attested])
      const { format, statement } = twist.attestation ?? { format: 'none', statement: new Map() }
      const attestationObject = new Map<string, Cbor>([
        ['fmt', format],
        ['attStmt', statement],
        ['authData', authData],
      ])
      return credentialOf(id, {
        clientDataJSON: clientData('webauthn.create', options.challenge, twist),
        attestationObject: base64url(toCbor(attestationObject)),
        transports: twist.transports ?? ['internal'],
      })
    },
    sign(options, twist = {}) {
      if (counts) uses += 1
      const authData = authenticatorData(options.rpId, twist, uses, 0)
      const clientDataJSON = clientData('webauthn.get', options.challenge, twist)
      const signed = Buffer.concat([authData, sha256(Buffer.from(clientDataJSON, 'base64url'))])
      return credentialOf(id, {
        clientDataJSON,
        authenticatorData: base64url(authData),
        signature: base64url(sign('sha256', signed, privateKey)),
        userHandle: twist.userHandle === undefined ? userHandle : twist.userHandle,
      })
    },
  }
}

const credentialOf = (id: Uint8Array, response: Readonly<Record<string, unknown>>) => ({
  id: base64url(id),
  rawId: base64url(id),
  type: 'public-key',
  authenticatorAttachment: 'platform',
  clientExtensionResults: {},
  response,
})

function clientData(type: string, challenge: string, twist: Twist): string {
  const usual = { type, challenge: twist.challenge ?? challenge, origin: twist.origin ?? ORIGIN, crossOrigin: false }
  return base64url(JSON.stringify({ ...usual, ...twist.clientData }))
}

const ATTESTED = 1 << 6

/** WebAuthn Level 3 §6.1. */
function authenticatorData(rpId: string, twist: Twist, uses: number, more: number): Buffer {
  const { userPresent = true, userVerified = true, isBackupEligible = false, isBackedUp = false } = twist
  const flags = Number(userPresent) | (Number(userVerified) << 2) | (Number(isBackupEligible) << 3)
  const head = Buffer.alloc(5)
  head.writeUInt8(flags | (Number(isBackedUp) << 4) | more)
  head.writeUInt32BE(twist.signCount ?? uses, 1)
  return Buffer.concat([sha256(twist.rpId ?? rpId), head])
}

function lengthOf(id: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(id.length)
  return length
}

/** RFC 9053 §7.1.1, a P-256 key. */
function coseKey(publicKey: KeyObject, algorithm = -7): ReadonlyMap<number, Cbor> {
  const { x, y } = publicKey.export({ format: 'jwk' })
  return new Map<number, Cbor>([
    [1, 2],
    [3, algorithm],
    [-1, 1],
    [-2, Buffer.from(x!, 'base64url')],
    [-3, Buffer.from(y!, 'base64url')],
  ])
}
