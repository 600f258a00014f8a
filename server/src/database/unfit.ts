/** Why a database is refused. A refused one is left exactly as it was found. */
export type Unfitness = 'not_a_file' | 'no_permission' | 'empty' | 'not_a_database' | 'damaged' | 'newer_schema'

const WHAT_TO_DO: Readonly<Record<Unfitness, string>> = {
  not_a_file: 'is not a file. Move what is there away, or point DATA_DIR elsewhere.',
  no_permission:
    'cannot be read and written. Give the user that runs the server both rights on the file and on its folder.',
  empty:
    'is empty, and was not made just now. Restore it from a backup; after a first start that was cut short, delete it.',
  not_a_database: 'is not an SQLite database. Restore it from a backup, or point DATA_DIR elsewhere.',
  damaged:
    'is damaged. Restore it from a backup, or from a copy made before a migration (its name has .before- in it).',
  newer_schema: 'was written by a newer version of Latchkey. Run that version or a later one.',
}

/** This database cannot be used, and the message says which, why and what to do. Nothing was changed. */
export class DatabaseUnfit extends Error {
  override readonly name = 'DatabaseUnfit'
  readonly reason: Unfitness

  /** `detail` is what was seen, for whoever looks closer. */
  constructor(reason: Unfitness, where: string, detail?: string) {
    super(`The database ${where} ${WHAT_TO_DO[reason]}${detail === undefined ? '' : ` (${detail})`}`)
    this.reason = reason
  }
}
