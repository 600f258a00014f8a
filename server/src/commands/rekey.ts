import { rekey, type Rekeying } from '../compose/rekey.ts'
import { type Call, type Command, count, noInstallation, refused, type Report } from './command.ts'

export const rekeySecret: Command = {
  name: 'keys rekey',
  summary: 'Moves everything to another SECRET_KEY.',
  details: `\
Set SECRET_KEY to the new secret first (or remove it, for one that the data folder keeps), and stop every
server. The old secret is the one in the data folder, unless given on standard input. Without --yes it only tells
what would happen. Broken off anywhere, it is finished by running it again; until then no server starts.`,
  options: {
    'old-secret-stdin': {
      type: 'boolean',
      help: 'Read the old SECRET_KEY, or the text of an old secret.key, from standard input.',
    },
    yes: { type: 'boolean', help: 'Do it.' },
  },
  async run(call) {
    const { config } = call.tools.settings()
    const refusal = await noInstallation(config)
    if (refusal) return refusal
    const oldSecret = await oldSecretOf(call)
    const carryOut = call.values['yes'] === true
    return reportOf(await rekey({ ...call.tools, config, oldSecret, carryOut }))
  },
}

async function oldSecretOf({ values, tools }: Call): Promise<string | undefined> {
  if (values['old-secret-stdin'] !== true) return undefined
  const text = tools.askHidden ? await tools.askHidden('Old secret: ') : await tools.standardInput()
  return text.replace(/\r?\n$/, '')
}

function reportOf(result: Rekeying): Report {
  switch (result.kind) {
    case 'nothing_yet':
      return refused('There is nothing to move: this data folder has not been used yet. Just start the server.')
    case 'in_use':
      return refused('Another process has the database open. Stop every server and worker, then run this again.')
    case 'same':
      return refused('Everything is under the secret of the settings already. Set SECRET_KEY to the new one first.')
    case 'old_secret_needed':
      return refused(
        'None of the secrets known here is the one that was used so far. Give that one with --old-secret-stdin.',
      )
    case 'planned':
      return { kind: 'failed', text: planText(result), data: plannedFields(result) }
    case 'done':
      return { kind: 'done', text: doneText(result), data: doneFields(result) }
  }
}

type Done = Extract<Rekeying, { kind: 'done' }>

const plannedFields = ({ sessions, messages }: Extract<Rekeying, { kind: 'planned' }>): object => ({
  carried_out: false,
  sessions,
  messages,
})

const doneFields = (done: Done): object => ({
  carried_out: true,
  sessions: done.sessions,
  codes: done.codes,
  password_tokens: done.passwordTokens,
  devices: done.devices,
  counters: done.counters,
  resealed: done.resealed,
  given_up: done.givenUp,
  totps: done.totps,
  lost_totps: done.lostTotps,
  audit_events: done.audit?.events ?? 0,
  audit_broken: done.audit?.broken ?? null,
})

const planText = ({ sessions, messages }: Extract<Rekeying, { kind: 'planned' }>): string => `\
Moving to the secret of the settings means:
  - Every session ends (${count(sessions, 'live one')}): everyone signs in again. Other services accept access tokens
    given out before until these expire, 15 minutes at most.
  - Codes and password links not yet used are void, and messages that carry one are not sent; other messages that wait are sealed anew
    (${count(messages, 'message')} in all).
  - Devices that were known at sign-in are no longer, and failed sign-ins are counted from nought.
  - The chain of the audit is proven once more under the old secret, then made anew under the new one.
  - Backups made before go with the old secret: keep it as long as them.
Accounts, passwords, verified addresses and signing keys stay; what the signing keys are sealed under changes. Where the
old secret may have been seen together with keys.json, run \`latchkey keys rotate --compromised\` afterwards.

Nothing was changed. To do it, add --yes.`

const doneText = (done: Done): string => `\
Everything is under the secret of the settings now.
${brokenText(done)}\
  - ${count(done.sessions, 'session')} ended, ${count(done.codes, 'open code')} and ${count(done.passwordTokens, 'password mail')} made void.
  - ${count(done.resealed, 'waiting message')} sealed anew, ${count(done.givenUp, 'message')} given up.
  - ${count(done.devices, 'known device')} and ${count(done.counters, 'counter')} of failed sign-ins forgotten.
  - ${count(done.totps, 'authenticator app')} sealed anew, ${count(done.lostTotps, 'unreadable one')} removed.
  - ${count(done.audit?.events ?? 0, 'event')} of the audit chained anew: what was noted of the old chain no longer compares.
Start the server again. Backups made before still need the old secret.`

function brokenText({ audit }: Done): string {
  if (!audit?.broken) return ''
  const { number, flaw } = audit.broken
  return `  - THE AUDIT WAS BROKEN BEFORE, at number ${number} (${flaw}). The new chain begins from what is there now, so only this
    line, the record of this change and backups tell of it: find out what happened.
`
}
