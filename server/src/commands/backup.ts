import { join, resolve } from 'node:path'
import { stampOf } from '../compose/backup/folders.ts'
import { makeBackup } from '../compose/backup/make.ts'
import type { Config } from '../config.ts'
import { type Call, type Command, count, noInstallation, refused, type Report } from './command.ts'
import { progressOf } from './progress.ts'

export const backup: Command = {
  name: 'backup',
  summary: 'Writes database and signing keys to one file, while servers go on.',
  details: `\
The file is a tar, readable by its owner alone, and holds the database as it was at one moment, the sealed
signing keys and a manifest that vouches for both. The secret (SECRET_KEY, or secret.key) is NOT in it: without it
the file cannot be restored, so keep it, once, somewhere else. Broken off, it leaves nothing that could be taken for a
backup. \`restore FILE --check\` proves a file. With DATABASE_URL set, pg_dump is what makes backups.`,
  options: {
    to: {
      type: 'string',
      value: 'FILE',
      help: 'Where to. Not given: a file named by the moment, in DATA_DIR/backups.',
    },
  },
  async run(call) {
    const { config } = call.tools.settings()
    if (config.scale.databaseUrl !== undefined) return refused(WITH_POSTGRES)
    return (await noInstallation(config)) ?? (await backUp(call, config))
  },
}

async function backUp(call: Call, config: Config): Promise<Report> {
  const { tools, values } = call
  const { dataDir } = config.server
  const ownName = join(dataDir, 'backups', `latchkey-${stampOf(tools.clock.now())}.tar`)
  const target = resolve(values['to'] ? String(values['to']) : ownName)
  const made = await makeBackup({ ...tools, config, target, onProgress: progressOf(call) })
  if (made.kind === 'taken') return refused(`${target} is there already. Nothing was done.`)
  const { facts, bytes, isNoted } = made
  const secret = config.secretKey === undefined ? join(dataDir, 'secret.key') : 'SECRET_KEY'
  const text = [
    `${target} holds everything but the secret: ${count(facts.users, 'user')}, ${(bytes / MEBIBYTE).toFixed(1)} MiB.`,
    `Without ${secret} nobody can restore it: keep that somewhere else, apart from this file.`,
    ...(isNoted ? [] : ['The database was locked, so `doctor` does not know of this backup.']),
  ].join('\n')
  return { kind: 'done', text, data: { file: target, bytes, secret_included: false, ...facts } }
}

const MEBIBYTE = 1024 * 1024

const WITH_POSTGRES = `\
DATABASE_URL is set, so everything lies in PostgreSQL, the sealed signing keys too. Back it up by PostgreSQL's own:

  pg_dump --format=custom --no-owner --file=latchkey.dump "$DATABASE_URL"

consistent while servers go on. SECRET_KEY is not in it: keep that apart. docs/deploy/backup.md tells how to restore it.`
