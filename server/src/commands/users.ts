import { createOperatorDeps, type OperatorDeps } from '../compose/operator.ts'
import type { Database } from '../database/schema.ts'
import {
  changeStanding,
  endSessionsOf,
  type LostFactor,
  removeLostFactor,
  resetForUser,
  unlockUser,
} from '../features/account/service.ts'
import { findByEmail, findById, type User } from '../features/users/service.ts'
import { BY_OPERATOR } from '../kernel/act.ts'
import { parseEmail } from '../kernel/address.ts'
import { type Call, type Command, count, refused, type Report, withInstallation } from './command.ts'

const EMAIL_OR_ID = 'EMAIL_OR_ID'

// What every one of these does beside its own work.
const ON_RECORD = 'The act is put on record, and the user is told by mail, which a server or worker sends.'

export const unlock: Command = {
  name: 'users unlock',
  summary: 'Forgets the failed sign-ins and wrong codes that keep a user out.',
  details: `\
Strangers and the user's known devices alike may try again from nought, and no channel or factor is
locked any more. What a server throttles by address or user goes by itself. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (db, { user, deps, now }) => {
      const unlocked = await unlockUser(db, deps, user.id, BY_OPERATOR, now)
      if (!unlocked) return undefined
      const { signIns, codes } = unlocked
      const text = `${count(signIns, 'counter')} of failed sign-ins and ${count(codes, 'counter')} of wrong codes forgotten.`
      return { text, data: { sign_in_counters: signIns, code_counters: codes }, isTold: signIns + codes > 0 }
    }),
}

export const resetUser: Command = {
  name: 'users reset',
  summary: 'Makes the password void and mails the way to a new one.',
  details: `\
Every session ends. For an account that is in somebody else's hands: known devices, factors and addresses stay as they are. Whoever reads the mail
to the address on file sets the new password. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (db, { user, deps, now }) => {
      if (!(await resetForUser(db, deps, user.id, BY_OPERATOR, now))) return undefined
      const closed = user.deactivatedAt ? ` The account is closed: \`latchkey users activate ${user.id}\`.` : ''
      return { text: `The password is void, every session ended.${closed}`, data: {}, isTold: true }
    }),
}

const FACTORS: Readonly<Record<string, LostFactor>> = {
  totp: 'totp',
  passkeys: 'passkey',
  'recovery-codes': 'recovery_code',
  'two-factor': 'two_factor',
}

export const removeFactor: Command = {
  name: 'users remove-factor',
  summary: 'Removes a second factor its owner lost.',
  details: `\
Every one of its kind. Where nothing is left to pass the second step with, two-factor sign-in is turned off too; \`two-factor\`
turns it off and removes nothing. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {
    factor: { type: 'string', value: 'KIND', required: true, help: `${Object.keys(FACTORS).join(', ')}.` },
  },
  async run(call) {
    const named = String(call.values['factor'])
    const factor = Object.hasOwn(FACTORS, named) ? FACTORS[named] : undefined
    if (!factor) return refused(`--factor is one of ${Object.keys(FACTORS).join(', ')}.`)
    return forUser(call, async (db, { user, deps, now }) => {
      const removal = await removeLostFactor(db, deps, { userId: user.id, factor }, BY_OPERATOR, now)
      if (removal.kind === 'none') return refused(`User ${user.id} has no ${named}.`)
      if (removal.kind !== 'removed') return undefined
      const { count: removed, isTwoFactorOff } = removal
      const off = isTwoFactorOff ? 'Two-factor sign-in is off.' : ''
      const gone = factor === 'two_factor' ? '' : `${removed} removed: ${named}. `
      return { text: `${gone}${off}`.trim(), data: { removed, two_factor_off: isTwoFactorOff }, isTold: true }
    })
  },
}

export const deactivateUser: Command = {
  name: 'users deactivate',
  summary: 'Closes an account and ends its sessions; nothing is deleted.',
  details: `\
Our own API refuses its tokens at once; other services accept its access tokens until these expire. The
last active admin stays. \`users activate\` undoes it, but for the sessions. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (db, { user, deps, now }) => {
      const change = { userId: user.id, wanted: { isActive: false } }
      const changed = await changeStanding(db, deps, change, BY_OPERATOR, now)
      if (changed.kind === 'last_admin')
        return refused(`User ${user.id} is the last active admin: make another one first.`)
      if (changed.kind !== 'changed') return undefined
      const { sessions } = changed
      if (user.deactivatedAt) return { text: 'The account was closed already.', data: { sessions }, isTold: false }
      return { text: `The account is closed, ${count(sessions, 'session')} ended.`, data: { sessions }, isTold: true }
    }),
}

export const activateUser: Command = {
  name: 'users activate',
  summary: 'Opens a deactivated account again.',
  details: `The user signs in with the password as it was. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (db, { user, deps, now }) => {
      const change = { userId: user.id, wanted: { isActive: true } }
      const changed = await changeStanding(db, deps, change, BY_OPERATOR, now)
      if (changed.kind !== 'changed') return undefined
      const isTold = user.deactivatedAt !== null
      return { text: isTold ? 'The account is open again.' : 'The account was not closed.', data: {}, isTold }
    }),
}

export const endSessions: Command = {
  name: 'users end-sessions',
  summary: 'Ends every session of a user, who may sign in again.',
  details: `\
Our own API refuses their tokens at once; other services accept access tokens until these expire. ${ON_RECORD}`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (db, { user, deps, now }) => {
      const sessions = await endSessionsOf(db, deps, user.id, BY_OPERATOR, now)
      if (sessions === undefined) return undefined
      return { text: `${count(sessions, 'session')} ended.`, data: { sessions }, isTold: sessions > 0 }
    }),
}

interface Done {
  readonly text: string
  readonly data: object
  /** Whether a mail to the user waits to be sent. */
  readonly isTold: boolean
}

interface Given {
  readonly user: User
  readonly deps: OperatorDeps
  readonly now: Date
}

/** Work in one transaction; undefined: the user is there no more. */
type Work = (db: Database, given: Given) => Promise<Done | Report | undefined>

/** Does the work for the user named; what it tells gets the user's name before it. */
const forUser = ({ tools, operand }: Call, work: Work): Promise<Report> =>
  withInstallation(tools, async (foundation, config) => {
    const user = await find(foundation.db, operand)
    if (!user) return nobody(operand)
    const given = { user, deps: createOperatorDeps(foundation, config, tools.random), now: tools.clock.now() }
    const done = await foundation.db.transaction().execute((db) => work(db, given))
    if (!done) return nobody(operand)
    if ('kind' in done) return done
    const { id, email } = user
    const told = done.isTold ? ' A mail that says so waits to be sent.' : ''
    const data = { id, email, ...done.data, told: done.isTold }
    return { kind: 'done', text: `User ${id}, ${email}: ${done.text}${told}`, data }
  })

const nobody = (named: string): Report => refused(`There is no user ${named}.`)

async function find(db: Database, named: string): Promise<User | undefined> {
  if (/^\d{1,15}$/.test(named)) return findById(db, Number(named))
  const email = parseEmail(named)
  return email && findByEmail(db, email)
}
