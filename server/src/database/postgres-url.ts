import { readFileSync } from 'node:fs'
import type { ClientConfig } from 'pg'
import { asError } from './errors.ts'
import { DatabaseUnfit } from './unfit.ts'

/** Where a PostgreSQL database is and how to get in. */
export interface PostgresPlace {
  /** `host:port/database`, for logs and refusals: no user, no password. */
  readonly where: string
  readonly client: ClientConfig
  readonly connections: number
}

// One core of the database serves a handful of connections; what asks at the same moment waits a millisecond in line.
// Ten processes of ten stay below PostgreSQL's own default of a hundred.
const CONNECTIONS = 10

// A transaction holds one, and what is read beside it needs another.
const LEAST_CONNECTIONS = 2
const MOST_CONNECTIONS = 200

const PARAMETERS = ['host', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name', 'options', 'max']

/**
 * Reads `postgres://user:password@host:port/database?parameters`, with libpq's names and meanings
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS) and `max` for the connections of one
 * process. Without `sslmode` nothing is encrypted.
 *
 * @throws {DatabaseUnfit} for what would be read otherwise than it is meant.
 */
export function readPostgresUrl(text: string): PostgresPlace {
  const url = new URL(text)
  const database = decodeURIComponent(url.pathname.slice(1))
  const given = url.searchParams
  const host = given.get('host') ?? url.hostname.replace(/^\[(.+)\]$/, '$1')
  const port = url.port === '' ? 5432 : Number(url.port)
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
  const unknown = [...given.keys()].find((name) => !PARAMETERS.includes(name))
  if (unknown !== undefined)
    throw new DatabaseUnfit('bad_url', where, `${unknown} is not known; known are ${PARAMETERS.join(', ')}`)
  // Of two, libpq takes the last and other readers the first.
  const twice = PARAMETERS.find((name) => given.getAll(name).length > 1)
  if (twice !== undefined) throw new DatabaseUnfit('bad_url', where, `${twice} is there twice`)
  return {
    where,
    connections: connectionsOf(given.get('max'), where),
    client: {
      host,
      port,
      database,
      ...(url.username !== '' && { user: decodeURIComponent(url.username) }),
      ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
      ...(given.has('options') && { options: given.get('options')! }),
      application_name: given.get('application_name') ?? 'latchkey',
      ssl: tlsOf(given, where),
    },
  }
}

function connectionsOf(max: string | null, where: string): number {
  if (max === null) return CONNECTIONS
  const number = /^\d{1,3}$/.test(max) ? Number(max) : 0
  if (number >= LEAST_CONNECTIONS && number <= MOST_CONNECTIONS) return number
  throw new DatabaseUnfit('bad_url', where, `max is a number from ${LEAST_CONNECTIONS} to ${MOST_CONNECTIONS}`)
}

/** As libpq has it: `require` only encrypts, unless a root is given; `verify-full` alone also compares the name. */
function tlsOf(given: URLSearchParams, where: string): ClientConfig['ssl'] {
  const mode = given.get('sslmode') ?? 'disable'
  if (mode === 'disable') return false
  const read = (name: string) => fileOf(given, name, where)
  const root = given.get('sslrootcert') === 'system' ? undefined : read('sslrootcert')
  const files = { ca: root, cert: read('sslcert'), key: read('sslkey') }
  const own = Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined))
  if (mode === 'verify-full') return own
  if (mode === 'verify-ca' || (mode === 'require' && root !== undefined))
    return { ...own, checkServerIdentity: () => undefined }
  if (mode === 'require') return { ...own, rejectUnauthorized: false }
  throw new DatabaseUnfit('bad_url', where, 'sslmode is disable, require, verify-ca or verify-full')
}

function fileOf(given: URLSearchParams, name: string, where: string): string | undefined {
  const path = given.get(name)
  if (path === null) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new DatabaseUnfit('bad_url', where, `${name}: ${asError(error).message}`)
  }
}
