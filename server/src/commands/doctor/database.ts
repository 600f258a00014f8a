import { existsSync } from 'node:fs'
import { configuredSecret, dataFiles, refuseMissingDatabase, SecretDiffers, vaultOf } from '../../compose/foundation.ts'
import { explain } from '../../compose/explain.ts'
import type { Config } from '../../config.ts'
import { inspectDatabase, type InspectedDatabase, inspectPostgres } from '../../database/inspect.ts'
import { readPostgresUrl } from '../../database/postgres-url.ts'
import type { Database } from '../../database/schema.ts'
import { isBoundTo, isBoundToSecret } from '../../database/secret-binding.ts'
import { type Backlog, backlog } from '../../features/messages/service.ts'
import { countLive, lastUse } from '../../features/sessions/service.ts'
import { describeKeys, readKeys } from '../../features/tokens/service.ts'
import { countUsers, hasActiveAdmin } from '../../features/users/service.ts'
import type { Clock } from '../../kernel/clock.ts'
import { after, before, days, minutes } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { createSecret, type Secret } from '../../kernel/secret.ts'
import { count } from '../command.ts'
import { fault, type Finding, ok, warning } from './finding.ts'
import { postgresFindings } from './postgres.ts'

export interface Subject {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
}

/** The database, what is in it, and whether secret and keys fit it. Changes nothing; never throws. */
export async function inspectStores(subject: Subject): Promise<Finding[]> {
  const { server, scale } = subject.config
  const files = dataFiles(server.dataDir)
  try {
    if (scale.databaseUrl !== undefined)
      return await look(await inspectPostgres(scale.databaseUrl), readPostgresUrl(scale.databaseUrl).where, subject)
    refuseMissingDatabase(files)
    const path = files.database
    if (!existsSync(path)) return [ok('database', `${path} is not there yet: the first start makes it`)]
    return await look(await inspectDatabase(path), path, subject)
  } catch (error) {
    return [fault('database', explain(error))]
  }
}

async function look({ db, pending, close }: InspectedDatabase, where: string, subject: Subject): Promise<Finding[]> {
  try {
    if (pending.length > 0)
      return [warning('database', `${pending.join(', ')} to be run: by the next start, or \`migrate\``)]
    return [
      ...(await contents(db, where, subject.clock.now())),
      ...(await postgresFindings(db, subject.config)),
      ...(await secretAndKeys(db, subject)),
    ]
  } finally {
    await close()
  }
}

// Enough to tell a large installation, and read in a moment.
const MOST_COUNTED = 100_000

async function contents(db: Database, path: string, now: Date): Promise<Finding[]> {
  const users = count(await countUsers(db), 'user')
  const living = await countLive(db, now, MOST_COUNTED)
  const sessions = `${living === MOST_COUNTED ? 'at least ' : ''}${count(living, 'live session')}`
  return [
    ok('database', `${path} is sound and up to date: ${users}, ${sessions}`),
    (await hasActiveAdmin(db))
      ? ok('admin', 'there is one')
      : warning('admin', 'there is none yet: `create-admin` makes one'),
    clockFinding(await lastUse(db), now),
    ...outboxFindings(await backlog(db, before(now, SHOW_DEAD)), now),
  ]
}

// Longer than any message is tried for, shorter than given-up ones are kept.
const SHOW_DEAD = days(7)
// A worker takes a message within a second.
const OVERDUE_AFTER = minutes(2)
const CLOCK_LEEWAY = minutes(1)

function clockFinding(lastUsed: Date | undefined, now: Date): Finding {
  const text = `it is ${now.toISOString()} by this machine`
  if (lastUsed === undefined || lastUsed <= after(now, CLOCK_LEEWAY)) return ok('clock', text)
  return fault('clock', `${text}, but a session was used at ${lastUsed.toISOString()}: set the clock right`)
}

function outboxFindings({ queued, dueSince, dead }: Backlog, now: Date): Finding[] {
  const isOverdue = dueSince !== undefined && dueSince < before(now, OVERDUE_AFTER)
  return [
    isOverdue
      ? warning(
          'outbox',
          `${count(queued, 'message')} waiting, due since ${dueSince.toISOString()}: does a server or worker run?`,
        )
      : ok('outbox', `${count(queued, 'message')} waiting`),
    ...dead.map(({ channel, reason, count: times }) =>
      warning('outbox', `${count(times, `${channel} message`)} given up in the last 7 days: ${reason}`),
    ),
  ]
}

async function secretAndKeys(db: Database, subject: Subject): Promise<Finding[]> {
  const place = subject.config.secretKey === undefined ? dataFiles(subject.config.server.dataDir).secret : 'SECRET_KEY'
  try {
    const bytes = await configuredSecret(subject.config)
    if (!bytes) return [fault('secret', `${place} is missing, and SECRET_KEY is not set`)]
    const secret = createSecret(bytes)
    if ((await isBoundToSecret(db)) && !(await isBoundTo(db, secret)))
      return [fault('secret', new SecretDiffers().message)]
    return [
      ok('secret', `from ${place}, the one the database was made with`),
      ...(await keyFindings(db, subject, secret)),
    ]
  } catch (error) {
    return [fault('secret', explain(error))]
  }
}

// Nothing forces a rotation; a key that nobody can have seen does not wear out. A year is what most policies ask for.
const OLD_KEY = days(365)

async function keyFindings(db: Database, subject: Subject, secret: Secret): Promise<Finding[]> {
  const now = subject.clock.now()
  try {
    return describeKeys(await readKeys(vaultOf(subject, secret, db)), now).map(
      ({ kid, algorithm, state, createdAt }) => {
        const age = count(Math.floor((now.getTime() - createdAt.getTime()) / days(1)), 'day')
        const text = `${kid} (${algorithm}) is ${state}, ${age} old`
        const isOld = state === 'signing' && createdAt < before(now, OLD_KEY)
        return isOld
          ? warning('signing key', `${text}: \`keys rotate\` puts a new one in its place`)
          : ok('signing key', text)
      },
    )
  } catch (error) {
    return [fault('signing key', explain(error))]
  }
}
