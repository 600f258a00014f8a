import { dataFiles } from '../compose/foundation.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/schema.ts'
import { createAudit } from '../features/audit/service.ts'
import { createPasswords, openBreached } from '../features/passwords/service.ts'
import { create, emailColumns, findByEmail, isEmailTaken, update, type User } from '../features/users/service.ts'
import { BY_OPERATOR } from '../kernel/act.ts'
import { type Email, parseEmail } from '../kernel/address.ts'
import { translate } from '../kernel/texts.ts'
import { type Call, type Command, refused, type Report, type Tools, withFoundation } from './command.ts'

export const createAdmin: Command = {
  name: 'create-admin',
  summary: 'Makes an admin, or makes an existing user one.',
  details: `\
The password of a new admin is asked for twice, without showing it, or read
from standard input; it follows the same rules as anybody's. An existing user's password stays as it is.
Before the first start it makes the data folder, as that would.`,
  options: {
    email: { type: 'string', value: 'ADDRESS', required: true, help: 'Whom to make an admin.' },
    'password-stdin': { type: 'boolean', help: 'Read the password from standard input, without its final newline.' },
  },
  async run(call) {
    const typed = String(call.values['email'])
    const email = parseEmail(typed)
    if (!email) return refused(`${JSON.stringify(typed)} is not an e-mail address.`)
    return withFoundation(call.tools, async ({ db }, config) => {
      const user = await findByEmail(db, email)
      return user ? promote(db, user, call) : createNew(db, config, email, call)
    })
  },
}

async function promote(db: Database, user: User, { tools }: Call): Promise<Report> {
  const data = { id: user.id, email: user.email, created: false, deactivated: user.deactivatedAt !== null }
  const warning = user.deactivatedAt ? ` The account is deactivated: \`latchkey users activate ${user.id}\`.` : ''
  if (user.adminSince) return { kind: 'done', text: `${named(user)} is an admin already.${warning}`, data }
  const now = tools.clock.now()
  const isDone = await db.transaction().execute(async (db) => {
    if (!(await update(db, user.id, { adminSince: now }))) return false
    await createAudit(tools).record(db, BY_OPERATOR, { type: 'admin_granted', userId: user.id }, now)
    return true
  })
  if (!isDone) return refused(`${named(user)} was deleted just now.`)
  const doubt = user.emailVerifiedAt ? '' : neverVerified(user)
  return { kind: 'done', text: `${named(user)} is an admin now. The password is as it was.${doubt}${warning}`, data }
}

// Anybody can register an address in the hope that it will be made an admin's.
const neverVerified = ({ id }: User): string =>
  ' The address was never verified: whoever registered it knows the password. Unless that was you, make another admin ' +
  `and run \`latchkey users deactivate ${id}\`.`

async function createNew(db: Database, config: Config, email: Email, call: Call): Promise<Report> {
  const { random, clock } = call.tools
  const columns = emailColumns(config, email)
  if (await isEmailTaken(db, columns, clock.now()))
    return refused(`The mailbox of ${email} has an account under another spelling.`)
  const password = await passwordOf(call)
  if ('refusal' in password) return refused(password.refusal)
  const breached = await openBreached(dataFiles(config.server.dataDir).breached)
  const passwords = createPasswords({ config, random, hashesAtOnce: 1, breached })
  const faults = passwords.faultsOf(password.text, { email })
  await breached?.close()
  if (faults.length > 0) {
    return refused(
      ['This password cannot be used:', ...faults.map(({ id, values }) => translate('en', id, values))].join('\n  '),
    )
  }
  const passwordHash = await passwords.hash(password.text)
  const now = clock.now()
  const admin = { ...columns, passwordHash, firstName: '', lastName: '', adminSince: now }
  const user = await db.transaction().execute(async (db) => {
    const user = await create(db, admin, now)
    if (!user) return undefined
    for (const type of ['registered', 'admin_granted'] as const)
      await createAudit(call.tools).record(db, BY_OPERATOR, { type, userId: user.id }, now)
    return user
  })
  if (!user) return refused(`${email} was registered just now. Run the same command again to make that user an admin.`)
  const data = { id: user.id, email: user.email, created: true, deactivated: false }
  return { kind: 'done', text: `${named(user)} was made, an admin. Sign in with the password just given.`, data }
}

const named = ({ id, email }: User): string => `User ${id}, ${email},`

type Answer = { readonly text: string } | { readonly refusal: string }

async function passwordOf({ values, tools }: Call): Promise<Answer> {
  if (values['password-stdin'] === true) return { text: (await tools.standardInput()).replace(/\r?\n$/, '') }
  return tools.askHidden ? askTwice(tools.askHidden) : { refusal: NOBODY_TO_ASK }
}

const NOBODY_TO_ASK = 'There is no terminal to ask for a password: give it on standard input, with --password-stdin.'

async function askTwice(ask: NonNullable<Tools['askHidden']>): Promise<Answer> {
  const text = await ask('Password: ')
  return (await ask('Once more: ')) === text ? { text } : { refusal: 'The two passwords differ. Nothing was done.' }
}
