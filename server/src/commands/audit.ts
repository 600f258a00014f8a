import { compareNoted, type NotedStanding, type Proof, proveChain } from '../features/audit/service.ts'
import type { Foundation } from '../compose/foundation.ts'
import { type Call, type Command, count, refused, type Report, type Tools, withInstallation } from './command.ts'

export const verifyAudit: Command = {
  name: 'audit verify',
  summary: 'Proves that the audit is what was sealed, from its checkpoint to its end.',
  details: `\
Names the first event that was changed, removed or moved, and counts those not sealed yet. Works beside a
running server. What is cut off the end shows only against a number and mac noted down before: note what
this prints, somewhere else. The exit code is 1 when anything is not as it was sealed.`,
  options: {
    noted: { type: 'string', value: 'NUMBER:MAC', help: 'A number and mac printed earlier, to be found again.' },
  },
  run(call) {
    const noted = notedOf(call)
    if (noted === 'unreadable') return Promise.resolve(refused('--noted wants NUMBER:MAC, as this command prints it.'))
    return withInstallation(call.tools, async (foundation) => reportOf(await verify(foundation, noted, call)))
  },
}

interface Noted {
  readonly number: number
  readonly mac: Uint8Array
}

function notedOf({ values }: Call): Noted | 'unreadable' | undefined {
  const text = values['noted']
  if (text === undefined) return undefined
  const [, number, mac] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/i.exec(String(text)) ?? []
  return number && mac ? { number: Number(number), mac: Buffer.from(mac, 'hex') } : 'unreadable'
}

interface Verified extends Proof {
  readonly noted?: { readonly number: number; readonly standing: NotedStanding }
}

async function verify({ db, secret }: Foundation, noted: Noted | undefined, call: Call): Promise<Verified> {
  const proof = await proveChain(db, secret, progress(call))
  return noted ? { ...proof, noted: { number: noted.number, standing: await compareNoted(db, noted) } } : proof
}

const TOLD_EVERY = 100_000

/** A line now and then for whoever waits at a terminal. */
function progress({ json, tools }: { readonly json: boolean; readonly tools: Tools }): (proven: number) => void {
  let told = 0
  return (proven) => {
    if (json || !tools.isTerminal || proven < told + TOLD_EVERY) return
    told = proven
    tools.complain(`${count(proven, 'event')} proven so far`)
  }
}

function reportOf(verified: Verified): Report {
  const { checkpoint, proven, last, unsealed, broken, noted } = verified
  const isIntact = !broken && (!noted || ['as_noted', 'removed'].includes(noted.standing))
  return {
    kind: isIntact ? 'done' : 'failed',
    text: textOf(verified),
    data: {
      intact: isIntact,
      proven,
      removed_before: checkpoint,
      last: last.number === 0 ? null : { number: last.number, mac: macOf(last) },
      unsealed,
      broken: broken ?? null,
      ...(noted && { noted }),
    },
  }
}

const macOf = ({ mac }: Proof['last']): string => Buffer.from(mac).toString('hex')

const textOf = ({ checkpoint, proven, last, unsealed, broken, noted }: Verified): string =>
  [
    ...(broken
      ? [`BROKEN at number ${broken.number}: ${WHAT[broken.flaw]}${broken.id ? ` (event ${broken.id})` : ''}.`]
      : []),
    `${count(proven, 'event')} proven to be what was sealed${checkpoint > 0 ? `, after the checkpoint at number ${checkpoint}` : ''}.`,
    `${count(unsealed, 'event')} not sealed yet; a running server seals every few seconds.`,
    ...(noted ? [`Number ${noted.number} ${STANDING[noted.standing]}`] : []),
    ...(last.number > 0 && !broken ? [`Note this elsewhere: ${last.number}:${macOf(last)}`] : []),
  ].join('\n')

const WHAT: Readonly<Record<NonNullable<Proof['broken']>['flaw'], string>> = {
  changed: 'what it tells was changed after it was sealed',
  wrong_mac: 'its mac does not follow from it and the event before it: either was changed, or put in its place',
  missing: 'there is no such event: it was removed',
  out_of_place: 'it stands where everything was removed: it was put there afterwards',
  checkpoint_signature: 'the checkpoint there was not signed by this server',
}

const STANDING: Readonly<Record<NotedStanding, string>> = {
  as_noted: 'is as noted.',
  different: 'is NOT as noted: the chain was made anew since, by `keys rekey` or by somebody else.',
  missing: 'is MISSING: the end of the chain was cut off since it was noted.',
  removed: 'cannot be compared: retention has removed it.',
}
