import type { Language } from '../../kernel/language.ts'
import type { Message } from '../messages/service.ts'
import type { Standing } from '../users/service.ts'

/** What would have been sent to an address that is taken, or may yet be taken back. */
interface Unsent {
  readonly to: string
  /** For whoever has chosen none. */
  readonly language: Language
  /** From where it was asked for. */
  readonly ip: string
}

/**
 * What its owner is told in place of a code. He may have another address of the same mailbox: he is written to as he wrote it,
 * and in his language.
 */
export function takenNotice(
  kind: 'registration_taken' | 'address_taken',
  { holder }: Standing,
  { to, language, ip }: Unsent,
): Message {
  const envelope = {
    channel: 'email',
    to: holder?.email ?? to,
    language: holder?.language ?? language,
    // Not the holder's: nobody holds his row meanwhile, and what refers to a user who is deleted at this moment fails.
    userId: 'anyone',
  } as const
  return { kind, ...envelope, facts: { ip } }
}
