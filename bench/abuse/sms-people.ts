import type { SmsApp } from './sms-app.ts'

const PASSWORD = 'Correct-Horse-7'

/** Somebody signed in, from an address of his own. */
export interface Person {
  readonly id: number
  readonly email: string
  readonly from: string
  access: string
  refresh: string
}

export async function signUp(app: SmsApp, email: string, from: string): Promise<Person> {
  const { body } = await app.call('POST', '/api/users/', { email, password: PASSWORD }, { from })
  const { access, refresh } = (await signIn(app, { email, from })).body
  return { id: body.id, email, from, access, refresh }
}

const signIn = (app: SmsApp, { email, from }: Pick<Person, 'email' | 'from'>) =>
  app.call('POST', '/api/token/', { email, password: PASSWORD }, { from })

/** New tokens, as after a sign-in of this moment, which a change of number wants; without the cost of a hash each. */
export async function signInAgain(app: SmsApp, person: Person): Promise<void> {
  const set = { authenticatedAt: app.clock.now() }
  await app.latchkey.foundation.db.updateTable('sessions').set(set).where('userId', '=', person.id).execute()
  const { body } = await app.call('POST', '/api/token/refresh/', { refresh: person.refresh }, person)
  Object.assign(person, { access: body.access, refresh: body.refresh })
}

/** Gives the number as his own and asks for a code to it; whether the code was said to be sent. */
export async function askTo(app: SmsApp, { access: token, from }: Person, phone: string): Promise<boolean> {
  await app.call('PATCH', '/api/users/me/', { phone }, { token, from })
  const { status } = await app.call('POST', '/api/otp/send/', { email_or_phone: 'phone' }, { token, from })
  return status === 200
}

/** Whether a newcomer could verify his number. */
export async function verifies(app: SmsApp, person: Person, phone: string): Promise<boolean> {
  await askTo(app, person, phone)
  const code = await app.codeTo(phone)
  if (code === undefined) return false
  const { status } = await app.call('POST', '/api/otp/verify/', { code }, { token: person.access, from: person.from })
  return status === 200
}

/** Somebody whose second factor is a code by SMS. */
export interface Owner {
  readonly person: Person
  readonly phone: string
}

export async function createOwner(app: SmsApp, n: number): Promise<Owner> {
  const person = await signUp(app, `owner${n}@example.com`, `203.0.113.${n}`)
  // In the very range that is pumped.
  const phone = `+98935000${String(9000 + n)}`
  const now = app.clock.now()
  const set = { phone, emailVerifiedAt: now, phoneVerifiedAt: now, twoFactorSince: now }
  await app.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', person.id).execute()
  return { person, phone }
}

/** Whether the owner got in by password and the code that was sent to him. */
export async function getsIn(app: SmsApp, { person, phone }: Owner): Promise<boolean> {
  const { access: token } = (await signIn(app, person)).body
  const given = { token, from: person.from }
  await app.call('POST', '/api/otp/send/', { email_or_phone: 'phone' }, given)
  const code = await app.codeTo(phone)
  return code !== undefined && (await app.call('POST', '/api/otp/verify/', { code }, given)).status === 200
}
