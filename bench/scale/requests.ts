import { DatabaseSync } from 'node:sqlite'
import { dataFiles } from '../../server/src/compose/foundation.ts'
import { readSecretFile } from '../../server/src/compose/secret-file.ts'
import { createRefreshTokens } from '../../server/src/features/tokens/refresh-tokens.ts'
import { createSecret } from '../../server/src/kernel/secret.ts'
import { post } from '../load.ts'
import { PASSWORD } from './fill.ts'
import { NAMES } from './people.ts'

/** The address of the user filled in as number `index`, from 0. */
export function addressOf(index: number): string {
  const [first] = NAMES[index % 20]!
  const [last] = NAMES[20 + (Math.floor(index / 20) % 17)]!
  return `${first}.${last}${index}@mail${index % 40}.example`
}

export const signInRequest = (email: string): Buffer => post('/api/token/', { email, password: PASSWORD })

const MOST_REFRESHED = 5000

/** Refreshes of living sessions from all over the table, of one after the other: nothing of it is in any cache. */
export async function refreshRequests(folder: string, sessions: number): Promise<() => Buffer> {
  const tokens = createRefreshTokens(createSecret((await readSecretFile(dataFiles(folder).secret))!))
  const database = new DatabaseSync(dataFiles(folder).database, { readOnly: true })
  // Those of the last six of 29 days live; the older ones are idle. Every hundredth user is deactivated.
  const living = Math.floor((sessions * 6) / 29)
  const chosen = Math.min(MOST_REFRESHED, Math.floor(living / 2))
  const find = database.prepare(
    `select id, user_id, generation, rotated_at, expires_at from sessions
     where rowid <= ? and ended_at is null and user_id % 100 <> 0 order by rowid desc limit 1`,
  )
  const found = Array.from({ length: chosen }, (_, index) =>
    find.get(sessions - 1 - index * Math.floor(living / chosen))!,
  )
  database.close()
  const bodies = found.map((row) =>
    tokens.sign({
      sessionId: String(row['id']),
      userId: Number(row['user_id']),
      generation: Number(row['generation']),
      issuedAt: new Date(String(row['rotated_at'])),
      expiresAt: new Date(String(row['expires_at'])),
    }),
  )
  let next = 0
  return () => post('/api/token/refresh/', { refresh: bodies[(next++ * 1597) % bodies.length] })
}
