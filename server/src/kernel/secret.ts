import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import type { Random } from './random.ts'

/** 32 bytes for one purpose. Each purpose has a label of its own, so that no key serves two. */
export type Key = Uint8Array & { readonly __brand: 'Key' }

/** What a derived key is for. A new purpose gets a new label; a label never changes its meaning. */
export type KeyLabel =
  | 'fingerprint'
  | 'refresh-token'
  | 'refresh-token-id'
  | 'signing-keys'
  | 'one-time-code'
  | 'outbox'
  | 'device'
  | 'sign-in-failures'
  | 'second-factor-token'
  | 'totp-secret'
  | 'passkey-challenge'
  | 'passkey-user'
  | 'password-token'
  | 'anonymous-asker'
  | 'address-change'
  | 'audit-chain'
  | 'list-cursor'
  | 'idempotency-key'
  | 'idempotent-answer'
  | 'proof-of-work'
  | 'sms-destination'
  | 'backup'
  | 'redis-counter'
  | 'rate-counter'

/** The one secret everything hangs on (`SECRET_KEY`), from which a key for each purpose is derived. */
export interface Secret {
  /** HKDF-SHA-256 (RFC 5869) of the secret with the label as `info`. */
  key(label: KeyLabel): Key
}

export function createSecret(secretKey: Uint8Array): Secret {
  const derived = new Map<KeyLabel, Key>()
  return {
    key(label) {
      let key = derived.get(label)
      if (!key) {
        key = new Uint8Array(hkdfSync('sha256', secretKey, '', `latchkey/${label}`, 32)) as Key
        derived.set(label, key)
      }
      return key
    },
  }
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts and authenticates (AES-256-GCM, NIST SP 800-38D). `context` names what the bytes belong to (a row's id): bytes
 * moved to another place do not open there. The nonce is random and stands in front.
 */
export function seal(key: Key, plain: Uint8Array, context: string, random: Random): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
}

/** The plain bytes of what `seal` made, or undefined when the key, the context or a single bit differs. */
export function unseal(key: Key, sealed: Uint8Array, context: string): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES))
    return new Uint8Array(Buffer.concat([plain, decipher.final()]))
  } catch {
    return undefined // a wrong tag: the only thing final() throws for
  }
}

// Node examines a key that is given as bytes at each use: measured, 9 µs a hash where 2 are enough.
const examined = new WeakMap<Key, KeyObject>()

function examine(key: Key): KeyObject {
  const made = examined.get(key) ?? createSecretKey(key)
  examined.set(key, made)
  return made
}

/** HMAC-SHA-256 of the parts, each with its length before it, so that no two lists of parts collide. */
export function keyedHash(key: Key, ...parts: readonly string[]): Uint8Array {
  const mac = createHmac('sha256', examine(key))
  for (const part of parts) mac.update(`${Buffer.byteLength(part)}:`).update(part)
  return new Uint8Array(mac.digest())
}

/** Equality that takes the same time wherever the first difference lies. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
