import type { Phone } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'
import type { Random } from '../../kernel/random.ts'
import { seal, unseal, type Secret } from '../../kernel/secret.ts'

interface Written {
  readonly text: string
  readonly code?: string
  readonly expiresAt?: Date
}

interface MailContent extends Written {
  readonly channel: 'email'
  readonly to: string
  readonly subject: string
  readonly html: string
}

interface SmsContent extends Written {
  readonly channel: 'sms'
  readonly to: Phone
  readonly language: Language
}

/** A message complete with its address: what waits, sealed, in the outbox. */
export type Content = MailContent | SmsContent

/** Sealed for the delivery with this id alone: in another row it does not open. */
export const sealContent = (secret: Secret, content: Content, deliveryId: string, random: Random): Uint8Array =>
  seal(secret.key('outbox'), Buffer.from(JSON.stringify(content)), deliveryId, random)

/** The content again, or undefined when it was sealed under another key or for another delivery. */
export function unsealContent(secret: Secret, sealed: Uint8Array, deliveryId: string): Content | undefined {
  const plain = unseal(secret.key('outbox'), sealed, deliveryId)
  if (!plain) return undefined
  const { expiresAt, ...content } = JSON.parse(Buffer.from(plain).toString('utf8')) as Stored
  return expiresAt === undefined ? content : { ...content, expiresAt: new Date(expiresAt) }
}

/** What JSON makes of it: the seal vouches that it is ours, the moment became text. */
type Stored = (Omit<MailContent, 'expiresAt'> | Omit<SmsContent, 'expiresAt'>) & { readonly expiresAt?: string }
