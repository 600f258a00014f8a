import { kind } from './kinds.ts'
import type { Kind } from './kinds.ts'

const MOST_PROCESSES = 64

/** How many processes; `auto` for one a core. */
export const processes: Kind<number | 'auto'> = kind(`auto, or a whole number from 1 to ${MOST_PROCESSES}`, (text) => {
  if (text.toLowerCase() === 'auto') return 'auto'
  return /^[1-9]\d?$/.test(text) && Number(text) <= MOST_PROCESSES ? Number(text) : undefined
})

const urlOf =
  (...protocols: readonly string[]) =>
  (text: string): string | undefined => {
    const url = /\s/.test(text) ? undefined : URL.parse(text)
    const isWhole = url && protocols.includes(url.protocol) && url.hostname !== '' && url.hash === ''
    return isWhole && isDecodable(url) ? text : undefined
  }

/** A percent sign in a password has to be written as %25. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(`${username}${password}${pathname}`)
    return true
  } catch {
    return false
  }
}

const namesDatabase = (text: string): boolean => /^\/[^/]+$/.test(new URL(text).pathname)

/** https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS, with one host and a database. */
export const databaseUrl: Kind<string> = kind('postgres://user:password@host:port/database', (text) => {
  const url = urlOf('postgres:', 'postgresql:')(text)
  return url !== undefined && namesDatabase(url) ? url : undefined
})

/** https://www.iana.org/assignments/uri-schemes/prov/redis; `rediss` for TLS. */
export const redisUrl: Kind<string> = kind('redis://user:password@host:port/number, or rediss://', (text) => {
  const url = urlOf('redis:', 'rediss:')(text)
  return url !== undefined && namesNumber(url) ? url : undefined
})

/** Options after a question mark are each client's own: one that was passed over could have been meant. */
function namesNumber(text: string): boolean {
  const { pathname, search } = new URL(text)
  return search === '' && /^(\/\d{0,4})?$/.test(pathname)
}
