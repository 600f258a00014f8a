import type { Clock } from '../src/kernel/clock.ts'
import { type Duration, after, minutes } from '../src/kernel/duration.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { createSecret, type Secret } from '../src/kernel/secret.ts'
import { type KeyStorage, memoryKeyStorage } from '../src/features/tokens/key-store.ts'
import { followKeys, type Keyring, type KeyVault, loadOrCreateKeys } from '../src/features/tokens/keyring.ts'
import type { SigningAlgorithm } from '../src/features/tokens/keys.ts'
import { type AccessGrant, createTokens, type RefreshGrant, type Tokens } from '../src/features/tokens/service.ts'

export const ISSUER = 'https://accounts.example'
export const AUDIENCE = 'https://api.example'

const START = new Date('2026-03-01T12:00:00.250Z')

/** Tokens on real keys, with a clock the test turns. */
export interface TokensWorld {
  readonly tokens: Tokens
  readonly keyring: Keyring
  readonly vault: KeyVault
  readonly secret: Secret
  readonly clock: Clock
  turn(by: Duration): void
  signAccess(grant?: Partial<AccessGrant>): string
  signRefresh(grant?: Partial<RefreshGrant>): string
}

export interface TokensWorldOptions {
  readonly algorithm?: SigningAlgorithm
  readonly storage?: KeyStorage
  readonly secret?: Secret
  readonly start?: Date
  readonly report?: (fault: unknown) => void
}

export const newSecret = (): Secret => createSecret(systemRandom.bytes(32))

export async function createTokensWorld(options: TokensWorldOptions = {}): Promise<TokensWorld> {
  const { algorithm = 'ES256', storage = memoryKeyStorage(), secret = newSecret(), start = START } = options
  let now = start
  const clock: Clock = { now: () => now }
  const vault: KeyVault = { storage, secret, random: systemRandom, algorithm, accessLifetime: minutes(15) }
  const chain = await loadOrCreateKeys(vault, { mayCreate: true }, now)
  const keyring = followKeys(vault, chain, options.report ?? rethrow)
  const tokens = createTokens({
    settings: { accessLifetime: vault.accessLifetime, audience: AUDIENCE },
    issuer: () => ISSUER,
    secret,
    keyring,
    clock,
    random: systemRandom,
  })
  return {
    tokens,
    keyring,
    vault,
    secret,
    clock,
    turn: (by) => {
      now = after(now, by)
    },
    signAccess: (grant) => tokens.signAccess({ ...accessGrant(now), ...grant }, now),
    signRefresh: (grant) => tokens.refreshToken({ ...refreshGrant(now), ...grant }),
  }
}

const SESSION_ID = '0195500c-7d2e-7b1a-9c3d-2f4e6a8b0c1d'

const accessGrant = (now: Date): AccessGrant => ({
  userId: 42,
  sessionId: SESSION_ID,
  authenticatedAt: now,
  acr: 'aal1',
  amr: ['pwd'],
  emailVerified: true,
  phoneVerified: false,
})

const refreshGrant = (now: Date): RefreshGrant => ({
  sessionId: SESSION_ID,
  userId: 42,
  generation: 3,
  issuedAt: now,
  expiresAt: after(now, minutes(43_200)),
})

function rethrow(fault: unknown): never {
  throw fault
}
