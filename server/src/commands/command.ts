import type { Config, Reading } from '../config.ts'
import {
  databaseName,
  type Foundation,
  type FoundationOptions,
  isInstalled,
  openFoundation,
} from '../compose/foundation.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'

/** What a command is given of the world around it. */
export interface Tools {
  /** Throws ConfigError. */
  readonly settings: () => Reading
  readonly clock: Clock
  readonly random: Random
  readonly threadPoolSize: number
  /** Whether a person reads what is printed. */
  readonly isTerminal: boolean
  /** All of it, as text. */
  readonly standardInput: () => Promise<string>
  /** The same in pieces, however much there is. */
  readonly standardInputBytes: () => AsyncIterable<Uint8Array>
  /** Asks without showing what is typed; undefined where there is nobody to ask. */
  readonly askHidden: ((question: string) => Promise<string>) | undefined
  readonly print: (text: string) => void
  readonly complain: (text: string) => void
}

export interface Option {
  readonly type: 'string' | 'boolean'
  /** What a value stands for, in the help. */
  readonly value?: string
  readonly required?: true
  readonly help: string
}

export interface Call {
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  /** What was given for the command's operand; always there when it has one. */
  readonly operand: string
  /** All of them, where the command takes several. */
  readonly operands: readonly string[]
  readonly json: boolean
  readonly tools: Tools
}

/** What a command came to: a text for a person, and the same as data for a program. */
export type Report =
  | { readonly kind: 'done'; readonly text: string; readonly data: object }
  /** Told in full, and yet no success. */
  | { readonly kind: 'failed'; readonly text: string; readonly data: object }
  /** Nothing was done, and this is why. */
  | { readonly kind: 'refused'; readonly text: string }
  /** It has said what it had to say while it ran. */
  | { readonly kind: 'ended' }

export interface Command {
  /** One or two words. */
  readonly name: string
  readonly summary: string
  /** What its help tells beyond the summary, in lines that the help breaks by itself. */
  readonly details: string
  readonly operand?: string
  /** One or more may be given. */
  readonly takesSeveral?: true
  readonly options: Readonly<Record<string, Option>>
  run(call: Call): Promise<Report>
}

export const refused = (text: string): Report => ({ kind: 'refused', text })

/** As `withFoundation`, where there is an installation; nothing is made in a data folder that is not one. */
export async function withInstallation(...given: Parameters<typeof withFoundation>): Promise<Report> {
  const [{ settings }] = given
  return (await noInstallation(settings().config)) ?? withFoundation(...given)
}

/** The refusal for what no server was ever started on, such as a mistyped data folder. Throws what `isInstalled` throws. */
export async function noInstallation(config: Config): Promise<Report | undefined> {
  if (await isInstalled(config)) return undefined
  const isFolder = config.scale.databaseUrl === undefined
  const [name, place] = isFolder ? ['DATA_DIR', config.server.dataDir] : ['DATABASE_URL', databaseName(config)]
  return refused(`There is no installation in ${name} (${place}): start the server once, or set ${name}.`)
}

/** Does the work on what the settings name, made at a first start, and closes it whatever happens. */
export async function withFoundation(
  { settings, clock, random }: Tools,
  work: (foundation: Foundation, config: Config) => Promise<Report>,
  options: Pick<FoundationOptions, 'replaceKeys'> = {},
): Promise<Report> {
  const { config } = settings()
  const foundation = await openFoundation({ config, clock, random, ...options })
  try {
    return await work(foundation, config)
  } finally {
    await foundation.close()
  }
}

/** `1 session`, `2 sessions`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
