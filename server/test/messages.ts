import type { Phone } from '../src/kernel/address.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { systemRandom, uuidv7 } from '../src/kernel/random.ts'
import type { Mail } from '../src/ports/mail/port.ts'
import type { Sms } from '../src/ports/sms/port.ts'

/** A mail with a code as the product sends it, in Persian; each call another one. */
export function mailWith(changes: Partial<Mail> = {}): Mail {
  const code = String(systemRandom.integer(100_000, 999_999))
  return {
    id: uuidv7(systemRandom, systemClock.now()),
    to: 'sara@example.com',
    subject: `${code} کد تایید شما`,
    text: `سلام سارا،\nکد شما ${code} است.`,
    html: `<p dir="rtl">سلام سارا، کد شما <bdi>${code}</bdi> است.</p>`,
    code,
    ...changes,
  }
}

/** A text message with a code as the product sends it; each call another one. */
export function smsWith(changes: Partial<Sms> = {}): Sms {
  const code = String(systemRandom.integer(100_000, 999_999))
  return {
    id: uuidv7(systemRandom, systemClock.now()),
    to: '+989123456789' as Phone,
    text: `کد تایید: ${code}`,
    template: 'verification',
    language: 'fa',
    code,
    ...changes,
  }
}
