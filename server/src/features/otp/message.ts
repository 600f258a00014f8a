import type { Phone } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'
import type { Message } from '../messages/service.ts'
import type { Challenge, Purpose } from './store.ts'

const KINDS = {
  verification: 'verification_code',
  address_change: 'address_change_code',
  second_factor: 'second_factor_code',
  reauthentication: 'reauthentication_code',
  sign_in: 'sign_in_code',
} as const satisfies Record<Purpose, Message['kind']>

interface Carried {
  readonly to: string
  readonly language: Language
  readonly code: string
  readonly expiresAt: Date
}

/** The message that carries a code to its address. */
export function messageOf(
  { userId, channel, purpose }: Pick<Challenge, 'userId' | 'channel' | 'purpose'>,
  content: Carried,
): Message {
  const kind = KINDS[purpose]
  if (channel === 'email') return { kind, channel, userId, ...content }
  return { kind, channel: 'sms', userId, ...content, to: content.to as Phone }
}
