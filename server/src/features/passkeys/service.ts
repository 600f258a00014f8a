import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import type { PasskeyDeps } from './deps.ts'
import * as store from './store.ts'

export {
  type CheckedPasskey,
  checkPasskey,
  type NotProven,
  type PasskeyAsk,
  passkeyOptions,
  type PasskeyProof,
  provePasskey,
} from './assertion.ts'
export { removeUsedChallenges } from './challenges.ts'
export type { PasskeyDeps } from './deps.ts'
export { type No, registerPasskey, registrationOptions } from './registration.ts'
export type { RelyingParty } from './relying-party.ts'
export { listOf as passkeysOf, type Passkey, remove as removePasskey, removeAll as removePasskeys } from './store.ts'
export { assertion, type AssertionJson, creationOptions, newCredential, requestOptions } from './wire.ts'

/** Whether the user has a passkey. */
export const hasPasskey = async (db: Database, userId: number): Promise<boolean> =>
  (await store.listOf(db, userId)).length > 0

/** The renamed passkey; undefined when the user has no such one. */
export const renamePasskey = (
  db: Database,
  { audit }: Pick<PasskeyDeps, 'audit'>,
  { id, userId, name }: Pick<store.Passkey, 'id' | 'userId' | 'name'>,
  act: Act,
  now: Date,
): Promise<store.Passkey | undefined> =>
  db.transaction().execute(async (db) => {
    const passkey = await store.rename(db, { id, userId }, name)
    const details = { passkey: id, name }
    if (passkey) await audit.record(db, actOf(act, userId), { type: 'passkey_renamed', userId, details }, now)
    return passkey
  })
