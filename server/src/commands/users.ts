import type { Database } from '../database/schema.ts'
import { forgetFailures as forgetWrongCodes, reopen } from '../features/attempts/service.ts'
import { endAll } from '../features/sessions/service.ts'
import { activate, deactivate, findByEmail, findById, type User } from '../features/users/service.ts'
import type { Foundation } from '../compose/foundation.ts'
import { parseEmail } from '../kernel/address.ts'
import { type Call, type Command, count, refused, type Report, withInstallation } from './command.ts'

const EMAIL_OR_ID = 'EMAIL_OR_ID'

export const unlock: Command = {
  name: 'users unlock',
  summary: 'Forgets the failed sign-ins and wrong codes that keep a user out.',
  details: `\
Strangers and the user's known devices alike may try again from nought, and no channel is locked for
codes any more. What a server throttles by address or user goes by itself.`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (user, { db, secret }) => {
      const signIns = await reopen(db, secret, user)
      const channels = await forgetWrongCodes(db, user.id)
      const text = `${count(signIns, 'counter')} of failed sign-ins and ${count(channels, 'counter')} of wrong codes forgotten.`
      return { text, data: { sign_in_counters: signIns, code_counters: channels } }
    }),
}

export const deactivateUser: Command = {
  name: 'users deactivate',
  summary: 'Closes an account and ends its sessions; nothing is deleted.',
  details: `\
Our own API refuses its tokens at once; other services accept its access tokens until these expire. The
last active admin stays. \`users activate\` undoes it, but for the sessions.`,
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, (user, { db }) =>
      db.transaction().execute(async (db) => {
        const now = call.tools.clock.now()
        const departure = await deactivate(db, user.id, now)
        if (departure === 'last_admin')
          return refused(`User ${user.id} is the last active admin: make another one first.`)
        if (departure === 'gone') return nobody(call.operand)
        const sessions = await endAll(db, user.id, 'deactivated', now)
        return { text: `The account is closed, ${count(sessions, 'session')} ended.`, data: { sessions } }
      }),
    ),
}

export const activateUser: Command = {
  name: 'users activate',
  summary: 'Opens a deactivated account again.',
  details: 'The user signs in with the password as it was.',
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (user, { db }) => {
      await activate(db, user.id)
      return { text: user.deactivatedAt ? 'The account is open again.' : 'The account was not closed.', data: {} }
    }),
}

export const endSessions: Command = {
  name: 'users end-sessions',
  summary: 'Ends every session of a user, who may sign in again.',
  details: 'Our own API refuses their tokens at once; other services accept access tokens until these expire.',
  operand: EMAIL_OR_ID,
  options: {},
  run: (call) =>
    forUser(call, async (user, { db }) => {
      const sessions = await endAll(db, user.id, 'ended_by_operator', call.tools.clock.now())
      return { text: `${count(sessions, 'session')} ended.`, data: { sessions } }
    }),
}

interface Done {
  readonly text: string
  readonly data: object
}

/** Does the work for the user named; what it tells gets the user's name before it. */
const forUser = (call: Call, work: (user: User, foundation: Foundation) => Promise<Done | Report>): Promise<Report> =>
  withInstallation(call.tools, async (foundation) => {
    const user = await find(foundation.db, call.operand)
    if (!user) return nobody(call.operand)
    const done = await work(user, foundation)
    if ('kind' in done) return done
    const { id, email } = user
    return { kind: 'done', text: `User ${id}, ${email}: ${done.text}`, data: { id, email, ...done.data } }
  })

const nobody = (named: string): Report => refused(`There is no user ${named}.`)

async function find(db: Database, named: string): Promise<User | undefined> {
  if (/^\d{1,15}$/.test(named)) return findById(db, Number(named))
  const email = parseEmail(named)
  return email && findByEmail(db, email)
}
