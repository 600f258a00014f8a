import { type Database, NOBODY } from '../../database/schema.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import { networksOf, recogniseNetwork, removeNetworksOf } from './networks.ts'
import { type KnownBy, subjectOf } from './sign-ins.ts'
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
  { secret }: Pick<DeviceDeps, 'secret'>,
  userId: number | undefined,
  value: string | undefined,
): Promise<store.Device | undefined> {
  if (value === undefined || value === NEW_DEVICE) return undefined
  return store.findDevice(db, userId ?? NOBODY, hashOf(secret, value))
}

/** Who tries to sign in, as far as it is said. */
export interface Trying {
  readonly userId: number | undefined
  /** A value given earlier. */
  readonly device?: string | undefined
  readonly ip: string | null
}

/** By what the account knows whoever tries: the device's own value before the network it is in. */
export async function knownBy(
  db: Database,
  deps: Pick<DeviceDeps, 'secret'>,
  { userId, device: value, ip }: Trying,
  now: Date,
): Promise<KnownBy> {
  const device = await recognise(db, deps, userId, value)
  const network = await recogniseNetwork(db, userId, ip, now)
  if (device) return { device: device.id }
  return network === undefined ? undefined : { network }
}

/** Makes a device known; gives the value it will be known by, 256 bits in base64url. Takes a transaction. */
export async function rememberDevice(
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

/**
 * What an operator's unlock and a reset do: strangers, and every known device and network, may try again from nought. Tells
 * how many counters there were.
 */
export async function reopen(
  db: Database,
  secret: Secret,
  { id, emailKey }: { readonly id: number; readonly emailKey: string },
): Promise<number> {
  const devices = (await store.devicesOf(db, id)).map((device) => ({ device: device.id }))
  const networks = (await networksOf(db, id)).map((network) => ({ network }))
  return store.forgetFailures(
    db,
    [undefined, ...devices, ...networks].map((known) => subjectOf(secret, emailKey, known)),
  )
}

/** Makes a stranger of whoever has signed in to the account so far. */
export async function removeKnownOf(db: Database, userId: number): Promise<void> {
  await store.removeDevicesOf(db, userId)
  await removeNetworksOf(db, userId)
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
