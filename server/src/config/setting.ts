import type { Kind } from './kinds.ts'

/** One thing an operator may decide. Everything said about it anywhere is made from this. */
export interface Setting<T = unknown> {
  readonly kind: Kind<T>
  /** As an operator would write it; parsed by the kind like any other value. Absent: nothing, or it depends (see help). */
  readonly default?: string
  /** One sentence or two, for `.env.example` and the documentation. */
  readonly help: string
  /** A value that is accepted; for a secret, how to come by one, so that nobody copies a secret that others know. */
  readonly example: string
  /** Never shown, and `NAME_FILE` may name a file that holds it. */
  readonly secret?: true
}

export type SettingTable = Readonly<Record<string, Setting>>
