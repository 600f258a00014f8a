import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { admin } from 'better-auth/plugins'
import { Pool } from 'pg'

/**
 * better-auth as its documentation sets it up for production: e-mail and password, the cookie cache of its guide to performance, its own
 * migrations, PostgreSQL by `pg` or SQLite by `node:sqlite`; on SQLite in WAL mode, which it leaves to the operator. Its rate limits are
 * off, as Latchkey's are. `UPDATE_AGE=0` has each read of a session extend it, the nearest it has to a refresh. As `node:http` and
 * nothing around it, the least it can cost.
 */
const { PORT, DATABASE_URL, DATABASE_FILE, UPDATE_AGE } = process.env

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: 'a secret of the bench, of no use to anybody else',
  database: DATABASE_URL === undefined ? openSqlite() : new Pool({ connectionString: DATABASE_URL }),
  emailAndPassword: { enabled: true },
  session: {
    cookieCache: { enabled: true, maxAge: 5 * 60 },
    ...(UPDATE_AGE !== undefined && { updateAge: Number(UPDATE_AGE) }),
  },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [admin()],
  logger: { level: 'error' },
})

function openSqlite() {
  const database = new DatabaseSync(DATABASE_FILE)
  database.exec('pragma journal_mode = wal; pragma synchronous = full')
  return database
}

const { runMigrations } = await getMigrations(auth.options)
await runMigrations()
const answer = toNodeHandler(auth)
const server = createServer((request, response) => void answer(request, response))
server.listen(Number(PORT), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`)
})
process.once('SIGTERM', () => process.exit())
