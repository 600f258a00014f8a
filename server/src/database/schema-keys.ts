import type { Nullable } from './schema.ts'

/** One row; see migration 0009. */
export interface SigningKeysTable {
  id: number
  /** The text of `features/tokens/sealed-keys.ts`; null until the first is made. */
  sealed: Nullable<string>
  /** Higher after every change. */
  revision: number
}
