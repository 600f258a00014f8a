import { hash, parseOptions, verify } from '@node-rs/argon2'
import type { ParsedHashOptions } from '@node-rs/argon2'
import type { Random } from '../../kernel/random.ts'
import { isWellFormedText } from '../../kernel/text.ts'
import { createQueue } from './queue.ts'
import type { Load, Totals } from './queue.ts'

/** What comparing a password with a stored hash told. */
export interface PasswordCheck {
  readonly matches: boolean
  /** It matches, and its hash was made with less than today's parameters: hash the password anew and store that. */
  readonly needsRehash: boolean
}

/** Argon2id (RFC 9106) away from the event loop, on the thread pool. */
export interface Hasher {
  /** A PHC string with a salt of its own. The password must be well-formed text. */
  hash(password: string, signal?: AbortSignal): Promise<string>
  /** Costs the same for no hash at all, or for one that is none of Argon2's, as for a real one; never matches those. */
  verify(phc: string | undefined, password: string, signal?: AbortSignal): Promise<PasswordCheck>
  load(): Load
  totals(): Totals
}

// OWASP's second choice: 19 MiB, two passes, one lane. About 20 ms of one core.
const PARAMETERS: ParsedHashOptions = {
  algorithm: 2, // Argon2id
  version: 1, // 0x13
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: 32,
  saltLen: 16,
}
// 32 hashes are worked off within a second on one core; who comes later is better served by "try again".
const MAX_WAITING = 32
// A stored string that asks for more than a server can give (256 MiB, 16 passes) is no hash of ours.
const MAX_MEMORY_COST = 262_144
const MAX_TIME_COST = 16

/**
 * How many hashes may run at once: one a core, the cores shared among the processes, and always two threads of the pool
 * left for files and name look-ups. At least 1.
 */
export function hashesAtOnce(machine: { cores: number; processes: number; threadPoolSize: number }): number {
  return Math.max(1, Math.min(Math.floor(machine.cores / machine.processes), machine.threadPoolSize - 2))
}

export function createHasher(random: Random, atOnce: number): Hasher {
  const queue = createQueue(atOnce, MAX_WAITING)
  const nobodys = hashOfNothing(random)

  return {
    async hash(password, signal) {
      if (!isWellFormedText(password)) throw new TypeError('a password must be well-formed text')
      const options = { ...PARAMETERS, salt: random.bytes(PARAMETERS.saltLen) }
      return queue.run(() => hash(password.normalize('NFC'), options), signal)
    },
    async verify(phc, password, signal) {
      const made = phc === undefined ? undefined : parametersOf(phc)
      const stored = phc === undefined || made === undefined ? nobodys : phc
      const equal = await queue.run(() => verify(stored, password.normalize('NFC')), signal)
      const matches = equal && made !== undefined && isWellFormedText(password)
      return { matches, needsRehash: matches && isWeaker(made) }
    },
    load: () => queue.load(),
    totals: () => queue.totals(),
  }
}

/** A hash in every respect, but its digest is chance: finding a password for it is as hard as breaking Argon2. */
function hashOfNothing(random: Random): string {
  const { memoryCost, timeCost, parallelism, outputLen, saltLen } = PARAMETERS
  const [salt, digest] = [saltLen, outputLen].map((count) => toPhcBase64(random.bytes(count)))
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${salt}$${digest}`
}

const toPhcBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '')

function parametersOf(phc: string): ParsedHashOptions | undefined {
  try {
    const made = parseOptions(phc)
    return made.memoryCost <= MAX_MEMORY_COST && made.timeCost <= MAX_TIME_COST ? made : undefined
  } catch {
    return undefined // no Argon2 string: the only thing parseOptions() throws for
  }
}

function isWeaker(made: ParsedHashOptions): boolean {
  return (
    made.algorithm !== PARAMETERS.algorithm ||
    made.version !== PARAMETERS.version ||
    made.memoryCost < PARAMETERS.memoryCost ||
    made.timeCost < PARAMETERS.timeCost ||
    made.outputLen < PARAMETERS.outputLen ||
    made.saltLen < PARAMETERS.saltLen
  )
}
