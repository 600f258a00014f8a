import type { User } from './store.ts'

type Channel = 'email' | 'phone'

/** A user's address of a channel. */
export interface AddressOnFile {
  /** As messages are sent to it. */
  readonly to: string
  /** What makes it the same as another, and what codes to it are bound to. */
  readonly key: string
}

/** Undefined where the user has none. */
export function onFile({ email, emailKey, phone }: User, channel: Channel): AddressOnFile | undefined {
  if (channel === 'email') return { to: email, key: emailKey }
  return phone === null ? undefined : { to: phone, key: phone }
}

/** Whether the address on file is verified, since when. */
export const verifiedAt = ({ emailVerifiedAt, phoneVerifiedAt }: User, channel: Channel): Date | null =>
  channel === 'email' ? emailVerifiedAt : phoneVerifiedAt

/** What waits to take its place. */
export const pendingAddress = ({ pendingEmail, pendingPhone }: User, channel: Channel): string | null =>
  channel === 'email' ? pendingEmail : pendingPhone
