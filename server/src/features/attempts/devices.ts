import { type Database, NOBODY } from '../../database/schema.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import { subjectOf } from './sign-ins.ts'
import * as store from './store.ts'

/** A device is known by a value it was given at an earlier sign-in and sends again (OWASP's device cookie, in the body). */
export interface DeviceDeps {
  readonly secret: Secret
  readonly random: Random
}

/** What a client sends to be given a value. */
export const NEW_DEVICE = 'new'

// As many as sessions: nobody signs in from more, and a bound on what one account can store.
const MAX_DEVICES = 50

const hashOf = (secret: Secret, value: string): Uint8Array => keyedHash(secret.key('device'), value)

/** The user's device with this value, or undefined. */
export async function recognise(
  db: Database,
  { secret }: DeviceDeps,
  userId: number | undefined,
  value: string | undefined,
): Promise<store.Device | undefined> {
  if (value === undefined || value === NEW_DEVICE) return undefined
  return store.findDevice(db, userId ?? NOBODY, hashOf(secret, value))
}

/** Makes a device known; gives the value it will be known by, 256 bits in base64url. Takes a transaction. */
export async function remember(
  db: Database,
  { secret, random }: DeviceDeps,
  userId: number,
  now: Date,
): Promise<string> {
  const longestUnused = (await store.devicesOf(db, userId)).slice(MAX_DEVICES - 1)
  await store.removeDevices(
    db,
    longestUnused.map(({ id }) => id),
  )
  const value = Buffer.from(random.bytes(32)).toString('base64url')
  const device = { id: uuidv7(random, now), userId, valueHash: hashOf(secret, value), createdAt: now, lastUsedAt: now }
  await store.insertDevice(db, device)
  return value
}

/** What an operator's unlock and a reset do: strangers, and every known device, may try again from nought. Tells how many counters there were. */
export async function reopen(
  db: Database,
  secret: Secret,
  { id, emailKey }: { readonly id: number; readonly emailKey: string },
): Promise<number> {
  const devices = await store.devicesOf(db, id)
  const ids = [undefined, ...devices.map((device) => device.id)]
  return store.forgetFailures(
    db,
    ids.map((deviceId) => subjectOf(secret, emailKey, deviceId)),
  )
}

export interface Forgotten {
  readonly devices: number
  readonly counters: number
}

/**
 * Drops what is kept only as a hash under the secret and means nothing under another: who is a known device, and the
 * counters of failed sign-ins, of unknown accounts like of others. For an operator alone (invariant I8).
 */
export const forgetHashed = async (db: Database): Promise<Forgotten> => ({
  devices: await store.removeAllDevices(db),
  counters: await store.removeAllFailures(db),
})
