import { type Duration, seconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { KeyStorage } from './key-store.ts'
import {
  generateSigningKey,
  type KeyChain,
  publishedAt,
  type SigningAlgorithm,
  signingKeyAt,
  withSuccessor,
} from './keys.ts'
import { KeysMissing, sealKeys, unsealKeys } from './sealed-keys.ts'

/** The stored keys and what is needed to read, make and replace them. */
export interface KeyVault {
  readonly storage: KeyStorage
  readonly secret: Secret
  readonly random: Random
  /** What a new key is made for. */
  readonly algorithm: SigningAlgorithm
  /** How long a retired key must stay for the tokens it signed. */
  readonly accessLifetime: Duration
}

/** The keys of a running server. */
export interface Keyring {
  /** The same array until the keys change: what was made from it is good for as long as it is the same. */
  keys(): KeyChain
  /** Looks now for a change made by another process, which is otherwise noticed within a second. */
  refresh(): Promise<void>
  close(): void
}

/** What an operator may know of a key. */
export interface KeyState {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly state: 'announced' | 'signing' | 'retired'
  readonly createdAt: Date
  readonly signsFrom: Date
  readonly retiresAt: Date | undefined
  readonly dropsAt: Date | undefined
}

// A stat a second costs nothing, survives the file being replaced (a watch on a file stays with the old inode) and works on
// network and container mounts, where notifications get lost.
const LOOK_EVERY = seconds(1)

/**
 * The stored keys; at a first start (`mayCreate`) a new one that signs at once. When the vault's algorithm is not that of
 * the newest key, a successor of the right one is announced. Processes that start together agree on one result.
 * Throws KeysMissing when there are none and none may be made, KeysUnfit when they cannot be read.
 */
export async function loadOrCreateKeys(vault: KeyVault, options: { mayCreate: boolean }, now: Date): Promise<KeyChain> {
  const { storage, algorithm, accessLifetime } = vault
  const stored = await storage.update(async (text) => {
    if (text === undefined) {
      if (!options.mayCreate) throw new KeysMissing(storage.place)
      return sealed(vault, [await generateSigningKey(algorithm, now, now)])
    }
    const chain = unsealed(vault, text)
    if (chain.at(-1)?.algorithm === algorithm) return text
    return sealed(vault, await withSuccessor(chain, algorithm, accessLifetime, now))
  })
  return unsealed(vault, stored)
}

/**
 * Announces a new key, which signs in ten minutes; no live token fails. `compromised`: every key there is ends at once and
 * the new one signs at once, for which the old ones need not even be readable.
 */
export async function rotateKeys(vault: KeyVault, options: { compromised: boolean }, now: Date): Promise<KeyChain> {
  const { storage, algorithm, accessLifetime } = vault
  const stored = await storage.update(async (text) => {
    if (options.compromised) return sealed(vault, [await generateSigningKey(algorithm, now, now)])
    if (text === undefined) throw new KeysMissing(storage.place)
    return sealed(vault, await withSuccessor(unsealed(vault, text), algorithm, accessLifetime, now))
  })
  return unsealed(vault, stored)
}

/** Seals the same keys under another secret. A running server goes on with the keys it has read. */
export async function resealKeys(vault: KeyVault, newSecret: Secret): Promise<void> {
  const { storage } = vault
  await storage.update(async (text) => {
    if (text === undefined) throw new KeysMissing(storage.place)
    return sealed({ ...vault, secret: newSecret }, unsealed(vault, text))
  })
}

/** The stored keys as they are. Throws KeysMissing or KeysUnfit. */
export async function readKeys(vault: KeyVault): Promise<KeyChain> {
  const text = await vault.storage.read()
  if (text === undefined) throw new KeysMissing(vault.storage.place)
  return unsealed(vault, text)
}

/** The keys that stand in JWKS at this moment, oldest first, with what each is doing. */
export function describeKeys(chain: KeyChain, now: Date): readonly KeyState[] {
  const signing = signingKeyAt(chain, now)
  return publishedAt(chain, now).map(({ privateJwk: _, ...key }) => {
    if (key.kid === signing.kid) return { ...key, state: 'signing' }
    return { ...key, state: key.signsFrom > now ? 'announced' : 'retired' }
  })
}

/**
 * The keys of a running server, kept up to date with what other processes store. A change that cannot be read is given to
 * `report`, once, and the keys already known stay in use.
 */
export function followKeys(vault: KeyVault, loaded: KeyChain, report: (fault: unknown) => void): Keyring {
  let chain = loaded
  let revision: string | undefined
  let reported: string | undefined

  async function refresh(): Promise<void> {
    // Asked before reading: a change in between is then seen once more, never missed.
    const current = await vault.storage.revision()
    if (current === revision) return
    chain = await readKeys(vault)
    revision = current
  }

  async function look(): Promise<void> {
    try {
      await refresh()
      reported = undefined
    } catch (fault) {
      if (String(fault) !== reported) report(fault)
      reported = String(fault)
    }
  }

  const stop = repeat(look)
  return { keys: () => chain, refresh, close: stop }
}

/** Does the work every second, one at a time, without keeping the process alive, until the function given back is called. */
function repeat(work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout
  let stopped = false
  const again = () => {
    if (!stopped) timer = setTimeout(() => void work().then(again), LOOK_EVERY).unref()
  }
  again()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

const sealed = (vault: KeyVault, chain: KeyChain): string => sealKeys(chain, vault.secret, vault.random)
const unsealed = (vault: KeyVault, text: string): KeyChain => unsealKeys(text, vault.secret, vault.storage.place)
