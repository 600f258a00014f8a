/** Why a database is refused. A refused one is left exactly as it was found. */
export type Unfitness =
  | 'not_a_file'
  | 'no_permission'
  | 'empty'
  | 'not_a_database'
  | 'damaged'
  | 'newer_schema'
  | 'bad_url'
  | 'unknown_host'
  | 'unreachable'
  | 'not_trusted'
  | 'wrong_password'
  | 'not_let_in'
  | 'no_such_database'
  | 'no_rights'
  | 'no_limits'
  | 'read_only'
  | 'old_server'
  | 'not_utf8'
  | 'other_forms'

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
  bad_url: 'cannot be reached by what DATABASE_URL says. Mend it.',
  unknown_host: 'lies on a host whose name is not known here. Mend the host in DATABASE_URL, or the name service.',
  unreachable: 'does not answer. Start PostgreSQL, or mend host and port in DATABASE_URL.',
  not_trusted:
    'cannot be reached by TLS as sslmode in DATABASE_URL asks. Give the root certificate by sslrootcert, or mend the certificate.',
  wrong_password: 'does not take user and password. Mend them in DATABASE_URL.',
  not_let_in: 'does not let this user in from here. See pg_hba.conf on its server, or mend the user in DATABASE_URL.',
  no_such_database: 'is not there. Make it (createdb -E UTF8 -T template0), or mend its name in DATABASE_URL.',
  no_rights:
    'does not let its user make or change tables. Make that user its owner, or grant it create and usage on its schema.',
  no_limits:
    'lies behind a pooler that lets nobody set limits of time. Let PgBouncer pass over them (ignore_startup_parameters) ' +
    'and set them for the user: docs/postgresql.md has both.',
  read_only: 'takes no writes: it is a replica, or set to be read only. Point DATABASE_URL at the primary.',
  old_server: 'is on a PostgreSQL that is too old. Use 14 or later.',
  not_utf8: 'is not in UTF8, so that names could not be stored. Make another: createdb -E UTF8 -T template0.',
  other_forms:
    'tells moments or bytes in another form than PostgreSQL does by itself. ' +
    'Undo it (alter role … reset datestyle, reset bytea_output; alter database … likewise).',
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
