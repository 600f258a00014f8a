/** What was seen, as rows of a table, and what of it must not be. */
export interface Report {
  readonly rows: readonly object[]
  readonly violations: readonly string[]
}
