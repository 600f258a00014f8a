import type { TextId } from './texts.ts'

/** A text not yet in any language: its id in the locales and what is filled in. */
export interface Text {
  readonly id: TextId
  readonly values?: Readonly<Record<string, string | number>>
}

/** What is wrong with one field. */
export type Fault = Text

/** Field name to all its faults. */
export type Faults = Readonly<Record<string, readonly Fault[]>>
