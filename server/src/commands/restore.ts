import { resolve } from 'node:path'
import { type Checked, type Restored, restore as restoreBackup } from '../compose/backup/restore.ts'
import { type Command, count, refused, type Report } from './command.ts'
import { progressOf } from './progress.ts'

export const restore: Command = {
  name: 'restore',
  summary: 'Puts a backup in place, or proves with --check that it could be.',
  details: `\
Proves every byte, the database, the keys and the audit first, then updates the copy to this version and moves it in as a
whole. Wants every server stopped, the secret it was made under, and an empty data folder, or --replace.
What was true then and is over since must not live again: every session ends, open codes and links are void,
and user ids go on far behind any that can have been given out. Broken off anywhere, it is finished by running it again;
until then no server starts.`,
  operand: 'FILE',
  options: {
    check: { type: 'boolean', help: 'Only prove it; nothing is changed, and servers may run.' },
    replace: { type: 'boolean', help: 'Move the data that is there to DATA_DIR/before-restore-…, and restore.' },
  },
  async run(call) {
    const { tools, values, operand } = call
    const { config } = tools.settings()
    if (config.scale.databaseUrl !== undefined) return refused(WITH_POSTGRES)
    const [checkOnly, replace] = [values['check'] === true, values['replace'] === true]
    const archive = resolve(operand)
    return reportOf(
      await restoreBackup({ ...tools, config, archive, checkOnly, replace, onProgress: progressOf(call) }),
      archive,
    )
  },
}

const WITH_POSTGRES = `\
DATABASE_URL is set: restore PostgreSQL by its own, with every server stopped, into an empty database:

  pg_restore --no-owner --exit-on-error --dbname="$DATABASE_URL" latchkey.dump

Then carry out what docs/deploy/backup.md says of a restored PostgreSQL, and run \`latchkey doctor\`.`

function reportOf(result: Restored, archive: string): Report {
  switch (result.kind) {
    case 'existing':
      return refused(
        `There is an installation already (${result.files.join(', ')}). With --replace it is moved aside, not deleted.`,
      )
    case 'in_use':
      return refused('Another process has the database open. Stop every server and worker, then run this again.')
    case 'checked':
      return { kind: 'done', text: `${archive} can be restored.\n${factsText(result)}`, data: dataOf(result) }
    case 'restored':
      return { kind: 'done', text: restoredText(result), data: { ...dataOf(result), ...restoredData(result) } }
  }
}

type Done = Extract<Restored, { kind: 'restored' }>

const factsText = ({ manifest, migrated, audit }: Checked): string =>
  [
    `  - Made ${manifest.created_at.toISOString()} by Latchkey ${manifest.version}: ${count(manifest.users, 'user')}.`,
    ...(migrated.length > 0 ? [`  - This version updates it: ${migrated.join(', ')}.`] : []),
    auditText(audit),
  ].join('\n')

function auditText({ proof, noted }: Checked['audit']): string {
  const { broken, proven } = proof
  if (broken)
    return `  - THE AUDIT WAS BROKEN when this was made, at number ${broken.number}: see \`latchkey audit verify\`.`
  if (noted !== undefined && noted !== 'as_noted')
    return `  - THE END OF THE AUDIT IS NOT what the manifest says (${noted}): see \`latchkey audit verify\`.`
  return `  - ${count(proven, 'event')} of the audit proven.`
}

const restoredText = (done: Done): string => `\
Restored.
${factsText(done)}
${done.aside === undefined ? '' : `  - What was there before lies in ${done.aside}: delete it when all is well.\n`}\
  - ${done.keys === 'kept' ? 'The signing keys in the data folder were kept: no access token fails elsewhere.' : KEYS_RESTORED}
  - ${count(done.settled.sessions, 'session')} ended: everyone signs in again. ${count(done.settled.codes, 'open code')} and ${count(done.settled.passwordTokens, 'password mail')} made void,
    ${count(done.settled.messagesGivenUp, 'waiting message')} that carry a code given up; ${done.settled.messagesKept} others are sent, some perhaps a second time.
  - The next user gets an id above ${done.settled.idsUpTo}: none is given out twice.
What nobody can know: passwords, addresses, factors and accounts are as they were then. Whoever changed a password since
signs in with the old one, recovery codes used since are good again, accounts deleted since are back, those made since
are gone. Where that matters, \`users reset\` and \`users deactivate\`. Start the server.`

const KEYS_RESTORED = `The signing keys are the backup's. Was a key dropped as compromised since? Then run
    \`keys rotate --compromised\`.`

const dataOf = ({ kind, manifest, migrated, audit: { proof, noted } }: Checked & { kind: string }): object => ({
  restored: kind === 'restored',
  created_at: manifest.created_at,
  version: manifest.version,
  users: manifest.users,
  migrated,
  audit: { proven: proof.proven, broken: proof.broken ?? null, noted: noted ?? null },
})

const restoredData = ({ settled, keys, aside }: Done): object => ({
  sessions: settled.sessions,
  codes: settled.codes,
  password_tokens: settled.passwordTokens,
  messages_kept: settled.messagesKept,
  messages_given_up: settled.messagesGivenUp,
  ids_up_to: settled.idsUpTo,
  keys,
  moved_aside_to: aside ?? null,
})
