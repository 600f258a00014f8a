import { hash } from '@node-rs/argon2'
import { NAMES } from './people.ts'
import { openStore, type Store } from './store.ts'

/** The password of everyone who was filled in. */
export const PASSWORD = 'Correct-Horse-7-Battery'

export const SESSIONS_PER_USER = 10

// The tables as this version left them never change, so that what is filled in need not follow the product; what came later is
// made of it by the migrations, which are measured in passing.
const FILLED_AT = '0010'

const ROWS_AT_ONCE = 250_000
const DAY = 86_400

export interface Filling {
  readonly users: number
  /** Seconds since 1970; the newest session began then. */
  readonly now: number
  readonly say: (text: string) => void
}

/**
 * Fills an empty database (a path of SQLite's or a URL of PostgreSQL's) with so many users, ten sessions of the last 29 days for
 * each, three events, two networks and half a device. Everyone has the one password; the first is an admin.
 */
export async function fill(where: string, { users, now, say }: Filling): Promise<void> {
  const store = await openStore(where)
  try {
    await store.migrateTo(FILLED_AT)
    const texts = textsOf(store)
    const indexes = await dropIndexes(store)
    await nameThem(store)
    const passwordHash = await hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
    const filling: Table[] = tablesOf(texts, { users, now, passwordHash })
    for (const table of filling) await fillTable(store, table, say)
    await store.run('drop table bench_names')
    await timed(say, 'the indexes', async () => {
      for (const index of indexes) await store.run(index)
    })
    await store.beAsServed()
    await timed(say, 'the migrations since', () => store.migrateTo())
    await store.run(store.dialect === 'sqlite' ? 'pragma wal_checkpoint(truncate)' : 'vacuum analyze')
  } finally {
    await store.close()
  }
}

interface Table {
  readonly name: string
  readonly rows: number
  /** Selects one row for each `i` of `n`. */
  readonly insert: string
}

async function fillTable(store: Store, { name, rows, insert }: Table, say: Filling['say']): Promise<void> {
  await timed(say, `${rows} ${name}`, async () => {
    for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
      const to = Math.min(from + ROWS_AT_ONCE, rows) - 1
      const numbers = `with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${to})`
      await store.run(`insert into ${name} ${insert.replace('{numbers}', numbers)}`)
    }
  })
}

async function timed(say: Filling['say'], what: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now()
  await work()
  say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

/** All that can be made again afterwards, in one go each; tells how. */
async function dropIndexes(store: Store): Promise<string[]> {
  const found = await store.all(
    store.dialect === 'sqlite'
      ? `select name, sql from sqlite_schema where type = 'index' and sql is not null and name not like 'users%'`
      : `select indexname as name, indexdef as sql from pg_indexes where schemaname = 'public' and indexname not like 'users%'
         and indexname not in (select conname from pg_constraint)`,
  )
  for (const { name } of found) await store.run(`drop index ${String(name)}`)
  return found.map(({ sql }) => String(sql))
}

async function nameThem(store: Store): Promise<void> {
  await store.run('create table bench_names (place integer, latin text, persian text)')
  const values = NAMES.map(([latin, persian], place) => `(${place}, '${latin}', '${persian}')`)
  await store.run(`insert into bench_names values ${values.join(', ')}`)
}

interface Texts {
  hex(number: string, digits: number): string
  moment(seconds: string): string
  uuid(text: string): string
  bytes(number: string): string
  text(number: string): string
}

const textsOf = ({ dialect }: Store): Texts =>
  dialect === 'sqlite'
    ? {
        hex: (number, digits) => `printf('%0${digits}x', ${number})`,
        moment: (seconds) => `strftime('%Y-%m-%dT%H:%M:%fZ', ${seconds}, 'unixepoch')`,
        uuid: (text) => text,
        bytes: (number) => `cast(printf('%032d', ${number}) as blob)`,
        text: (number) => `(${number})`,
      }
    : {
        hex: (number, digits) => `lpad(to_hex((${number})::bigint), ${digits}, '0')`,
        moment: (seconds) => `to_timestamp(${seconds})`,
        uuid: (text) => `(${text})::uuid`,
        bytes: (number) => `convert_to(lpad((${number})::text, 32, '0'), 'UTF8')`,
        text: (number) => `(${number})::text`,
      }

interface Facts {
  readonly users: number
  readonly now: number
  readonly passwordHash: string
}

function tablesOf(texts: Texts, facts: Facts): Table[] {
  const { users } = facts
  return [
    { name: 'users', rows: users, insert: usersOf(texts, facts) },
    { name: 'sessions', rows: users * SESSIONS_PER_USER, insert: sessionsOf(texts, facts) },
    { name: 'audit_events', rows: users * 3, insert: eventsOf(texts, facts) },
    { name: 'known_networks', rows: users * 2, insert: networksOf(texts, facts) },
    { name: 'devices', rows: Math.floor(users / 2), insert: devicesOf(texts, facts) },
  ]
}

const WINDOW = 29 * DAY

const usersOf = ({ moment, text }: Texts, { now, passwordHash }: Facts): string => `
  (email, email_key, mailbox_key, password_hash, first_name, last_name, email_verified_at, email_first_proven_at,
   first_signed_in_at, admin_since, deactivated_at, created_at)
  {numbers}, people(i, email, first_name, last_name, born) as (
    select i, first.latin || '.' || last.latin || ${text('i')} || '@mail' || ${text('i % 40')} || '.example',
      case when i % 2 = 0 then first.persian else first.latin end,
      case when i % 2 = 0 then last.persian else last.latin end, ${moment(String(now - 400 * DAY))}
    from n join bench_names first on first.place = i % 20 join bench_names last on last.place = 20 + (i / 20) % 17)
  select email, email, email, '${passwordHash}', first_name, last_name, born, born, born,
    case when i = 0 then born end, case when i % 100 = 99 then born end, born
  from people order by i`

/** In the order of their ids, which is that of time; a user's are far apart. */
const sessionsOf = ({ hex, moment, uuid, text }: Texts, { users, now }: Facts): string => {
  const total = users * SESSIONS_PER_USER
  const seconds = `(${now - WINDOW} + i * ${(WINDOW / total).toFixed(9)})`
  const clock = hex(`cast(${now - WINDOW} + i * ${(WINDOW / total).toFixed(9)} as bigint) * 1000`, 12)
  const id = uuid(`substr(clock, 1, 8) || '-' || substr(clock, 9, 4) || '-7000-8000-' || ${hex('i', 12)}`)
  return `
  (id, user_id, generation, rotated_at, created_at, authenticated_at, last_used_at, idle_expires_at, expires_at, ended_at,
   end_reason, acr, amr, ip, user_agent, device, network)
  {numbers}, moments(i, clock, began, idle, over) as materialized (
    select i, ${clock}, ${moment(seconds)}, ${moment(`${seconds} + ${7 * DAY}`)}, ${moment(`${seconds} + ${30 * DAY}`)} from n)
  select ${id}, 1 + (i * 7919) % ${users}, 0, began, began, began, began, idle, over,
    case when i % 5 = 0 then began end, case when i % 5 = 0 then 'logout' end, 'aal1', 'pwd',
    '10.' || ${text('i % 200')} || '.7.9', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Firefox on Linux', '10.' || ${text('i % 200')} || '.7.9'
  from moments order by i`
}

/** Sealed by nobody: the bench reads them and adds to them, and proves nothing. */
const eventsOf = ({ hex, moment, uuid, bytes, text }: Texts, { users, now }: Facts): string => `
  (id, at, type, result, user_id, actor, actor_id, ip, device, request_id, details, number, mac)
  {numbers}
  select ${uuid(`'01900000-0000-7000-8000-' || ${hex('i', 12)}`)},
    ${moment(`${now - WINDOW} + i * ${(WINDOW / (users * 3)).toFixed(9)}`)},
    'signed_in', 'success', 1 + (i * 7919) % ${users}, 'user', 1 + (i * 7919) % ${users}, '10.0.7.9', 'Firefox on Linux',
    ${text('i')}, '{"amr":["pwd"]}', i + 1, ${bytes('i')}
  from n order by i`

const networksOf = ({ moment, text }: Texts, { users, now }: Facts): string => `
  (user_id, network, signed_in_at)
  {numbers}
  select 1 + i / 2, '10.' || ${text('i % 200')} || '.7.0/24', ${moment(`${now} - (i * 7919) % ${WINDOW} * 1.0`)}
  from n where i / 2 < ${users} order by i`

const devicesOf = ({ hex, moment, uuid, bytes }: Texts, { now }: Facts): string => `
  (id, user_id, value_hash, created_at, last_used_at)
  {numbers}
  select ${uuid(`'01900000-0000-7000-8000-' || ${hex('i', 12)}`)}, 1 + i * 2, ${bytes('i')}, ${moment(String(now))},
    ${moment(String(now))}
  from n order by i`

if (import.meta.main) {
  const [where, users] = process.argv.slice(2)
  if (where === undefined || !(Number(users) > 0)) {
    console.error('usage: node bench/scale/fill.ts FILE_OR_POSTGRES_URL USERS')
    process.exit(1)
  }
  await fill(where, { users: Number(users), now: Math.floor(Date.now() / 1000), say: console.log })
  console.log(`${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most`)
}
