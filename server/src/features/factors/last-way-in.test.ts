import type { Insertable } from 'kysely'
import { afterAll, describe, expect, it } from 'vitest'
import { insertUser, newId, NOON, openForTest, sessionRow } from '../../../test/database.ts'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { newSecret } from '../../../test/tokens.ts'
import type { Database, UsersTable } from '../../database/schema.ts'
import { BY_SYSTEM } from '../../kernel/act.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createAudit } from '../audit/service.ts'
import { createMessages } from '../messages/service.ts'
import { passkeysOf, removePasskey } from '../passkeys/service.ts'
import { recoveryCodesLeft } from '../recovery-codes/service.ts'
import { hasTotp } from '../totp/service.ts'
import { findById } from '../users/service.ts'
import { type EnrolmentDeps, removeApp } from './enrolment.ts'
import { whyKeep, type WayInRules } from './last-way-in.ts'
import type { Method } from './methods.ts'
import { turnOff, turnOn } from './two-factor.ts'

afterAll(stopPostgres)

const RULES: WayInRules = { emailAsSecondFactor: true, byCode: true }
const NO_EMAIL_FACTOR: WayInRules = { ...RULES, emailAsSecondFactor: false }
const NO_CODES: WayInRules = { ...RULES, byCode: false }

const NO_PASSWORD = { passwordHash: '!' }
const EMAIL = { emailVerifiedAt: NOON }
const PHONE = { phone: '+989123456789', phoneVerifiedAt: NOON }
const PHONE_SIGN_IN = { ...PHONE, phoneSignInSince: NOON }
const TWO_FACTORS = { twoFactorSince: NOON }
const WAS_RESET = { passwordResetAt: NOON }

async function addPasskeys(db: Database, userId: number, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const passkey = { userHandle: systemRandom.bytes(32), publicKey: systemRandom.bytes(77), signCount: 0 }
    const flags = { transports: '', isBackupEligible: true, isBackedUp: false, name: `Key ${index}`, createdAt: NOON }
    const id = newId()
    await db
      .insertInto('passkeys')
      .values({ id, credentialId: id, userId, ...passkey, ...flags })
      .execute()
  }
}

async function addApp(db: Database, userId: number): Promise<void> {
  const app = { id: newId(), userId, sealedSecret: systemRandom.bytes(48), createdAt: NOON, confirmedAt: NOON }
  await db.insertInto('totps').values(app).execute()
}

interface Has {
  readonly user?: Partial<Insertable<UsersTable>>
  readonly passkeys?: number
  readonly app?: true
}

/** [what is had, what is removed, what the answer is, under which rules] */
const CASES: readonly [
  string,
  Has,
  Method | 'password',
  ReturnType<typeof whyKeep> extends Promise<infer R> ? R : never,
  WayInRules?,
][] = [
  ['the only passkey where there is no password', { user: NO_PASSWORD, passkeys: 1 }, 'passkey', 'last_sign_in_method'],
  ['one of two passkeys', { user: NO_PASSWORD, passkeys: 2 }, 'passkey', undefined],
  ['a passkey beside a password', { passkeys: 1 }, 'passkey', undefined],
  ['a passkey beside sign-in by e-mail', { user: { ...NO_PASSWORD, ...EMAIL }, passkeys: 1 }, 'passkey', undefined],
  [
    'a passkey where codes begin no sign-in: a reset by e-mail is no way in',
    { user: { ...NO_PASSWORD, ...EMAIL }, passkeys: 1 },
    'passkey',
    'last_sign_in_method',
    NO_CODES,
  ],
  [
    'a passkey beside a phone that was never allowed to sign in',
    { user: { ...NO_PASSWORD, ...PHONE }, passkeys: 1 },
    'passkey',
    'last_sign_in_method',
  ],
  [
    'a passkey beside a phone that was',
    { user: { ...NO_PASSWORD, ...PHONE_SIGN_IN }, passkeys: 1 },
    'passkey',
    undefined,
  ],
  ['the only password', {}, 'password', 'last_sign_in_method'],
  ['a password beside sign-in by e-mail', { user: EMAIL }, 'password', undefined],
  ['a password beside a passkey', { passkeys: 1 }, 'password', undefined],
  ['a password beside an app, which begins nothing', { app: true }, 'password', 'last_sign_in_method'],
  ['a verified e-mail that is the only way in', { user: { ...NO_PASSWORD, ...EMAIL } }, 'email', 'last_sign_in_method'],
  ['a phone that is', { user: { ...NO_PASSWORD, ...PHONE_SIGN_IN } }, 'phone', 'last_sign_in_method'],
  ['an app that was never a way in', { user: NO_PASSWORD, app: true }, 'totp', undefined],
  ['an app while two factors are off', { app: true }, 'totp', undefined],
  ['the only factor', { user: TWO_FACTORS, app: true }, 'totp', 'last_factor'],
  ['one factor of two', { user: { ...TWO_FACTORS, ...PHONE }, app: true }, 'totp', undefined],
  ['an app beside e-mail', { user: { ...TWO_FACTORS, ...EMAIL }, app: true }, 'totp', undefined],
  [
    'an app beside e-mail, where that is no factor',
    { user: { ...TWO_FACTORS, ...EMAIL }, app: true },
    'totp',
    'last_factor',
    NO_EMAIL_FACTOR,
  ],
  [
    'an app beside e-mail after a reset: with no other left, e-mail is one again',
    { user: { ...TWO_FACTORS, ...EMAIL, ...WAS_RESET }, app: true },
    'totp',
    undefined,
  ],
  ['a phone that is the only factor', { user: { ...TWO_FACTORS, ...PHONE } }, 'phone', 'last_factor'],
  ['an e-mail that is the only factor', { user: { ...TWO_FACTORS, ...EMAIL } }, 'email', 'last_factor'],
  ['a passkey that is the only factor', { user: TWO_FACTORS, passkeys: 1 }, 'passkey', 'last_factor'],
  ['recovery codes, whatever else there is', { user: TWO_FACTORS }, 'recovery_code', undefined],
  [
    'a password while two factors are on and e-mail would be both steps',
    { user: { ...TWO_FACTORS, ...EMAIL } },
    'password',
    'last_sign_in_method',
  ],
  [
    'a password while two factors are on and e-mail begins what the app completes',
    { user: { ...TWO_FACTORS, ...EMAIL }, app: true },
    'password',
    undefined,
  ],
  [
    'an app without which e-mail would be both steps',
    { user: { ...TWO_FACTORS, ...EMAIL, ...NO_PASSWORD }, app: true },
    'totp',
    'last_sign_in_method',
  ],
]

describe('what has to stay', () => {
  it.each(CASES)('of %s', async (_, { user = {}, passkeys = 0, app }, removing, reason, rules = RULES) => {
    const db = await openForTest()
    const id = await insertUser(db, 'ana', user)
    await addPasskeys(db, id, passkeys)
    if (app) await addApp(db, id)
    expect(await whyKeep(db, rules, { id }, removing)).toBe(reason)
  })

  it('is nothing where the user is gone', async () => {
    expect(await whyKeep(await openForTest(), RULES, { id: 7 }, 'password')).toBeUndefined()
  })
})

function depsWith(rules: WayInRules): EnrolmentDeps {
  const secret = newSecret()
  const audit = createAudit({ random: systemRandom })
  const sender = { productName: 'Latchkey', host: 'localhost', timeZone: 'UTC' }
  const messages = createMessages({ secret, random: systemRandom, sender, wake: () => {} })
  const told = { messages, defaultLanguage: 'en' } as const
  const counted = { random: systemRandom, rules: { lockAfter: 100 } }
  return {
    ...told,
    audit,
    rules,
    totp: { secret, productName: 'Latchkey', ...counted },
    recoveryCodes: { audit, ...told, ...counted },
  }
}

describe.each(DATABASES)('at once on %s', (_, open) => {
  // Guard: `lockUser` in `whyKeep`. Seen failing on PostgreSQL (no passkey left) without it.
  it('of twenty passkeys that are removed one stays, in every one of five rounds', async (context) => {
    const db = await open(context)
    for (let round = 1; round <= 5; round++) {
      const userId = await insertUser(db, `ana${round}`, NO_PASSWORD)
      await addPasskeys(db, userId, 20)
      const passkeys = await passkeysOf(db, userId)
      const reasons = await twentyAtOnce(db, async (db, index) => {
        const reason = await whyKeep(db, RULES, { id: userId }, 'passkey')
        if (!reason) await removePasskey(db, { id: passkeys[index]!.id, userId })
        return reason
      })
      expect(reasons.filter((reason) => reason !== undefined)).toEqual(['last_sign_in_method'])
      expect(await passkeysOf(db, userId)).toHaveLength(1)
    }
  })

  // Guard: `lockUser` in `turnOn`. Seen failing on PostgreSQL (20 sets) without it.
  it('two factors are turned on by one of twenty, with ten codes', async (context) => {
    const db = await open(context)
    const deps = depsWith(RULES)
    for (let round = 1; round <= 5; round++) {
      const userId = await insertUser(db, `ana${round}`, EMAIL)
      const asker = { userId, sessionId: newId() }
      const turned = await twentyAtOnce(db, (db) => turnOn(db, deps, asker, BY_SYSTEM, NOON))
      expect(turned.map(({ kind }) => kind).toSorted()).toEqual(['on', ...Array<string>(19).fill('on_already')])
      expect(await recoveryCodesLeft(db, userId)).toBe(10)
    }
  })

  // Guard: `lockUser` in `turnOn`. Seen failing on PostgreSQL (on, with no factor) without it.
  it('two factors are never on without any, while one is removed, turned on and turned off', async (context) => {
    const db = await open(context)
    const deps = depsWith(NO_EMAIL_FACTOR)
    for (let round = 1; round <= 20; round++) {
      const userId = await insertUser(db, `ana${round}`, EMAIL)
      const session = sessionRow(userId, { acr: 'aal2' })
      await db.insertInto('sessions').values(session).execute()
      await addApp(db, userId)
      const asker = { userId, sessionId: session.id }
      const acts = [
        (db: Database) => turnOn(db, deps, asker, BY_SYSTEM, NOON),
        (db: Database) => removeApp(db, deps, userId, BY_SYSTEM, NOON),
        (db: Database) => turnOff(db, deps, asker, BY_SYSTEM, NOON),
      ]
      await twentyAtOnce<unknown>(db, (db, index) => acts[(index + round) % acts.length]!(db))
      const { twoFactorSince } = (await findById(db, userId))!
      expect(twoFactorSince !== null && !(await hasTotp(db, userId))).toBe(false)
    }
  })
})
