import { translate } from '../../../kernel/texts.ts'
import type { CodeSms } from '../message.ts'
import { minutesLeft, type Sender } from './wording.ts'

/**
 * The text of a code by SMS. Its last line binds the code to our host, so that a phone offers it there and nowhere else
 * (origin-bound one-time codes, WICG sms-one-time-codes §3): nothing may stand after it, nor any invisible character in it.
 */
export function renderSms(message: CodeSms, sender: Sender, now: Date): string {
  const { language, code, expiresAt } = message
  const text = translate(language, `sms.${message.kind}`, {
    product: sender.productName,
    code,
    minutes: minutesLeft(now, expiresAt),
  })
  return `${text}\n@${sender.host} #${code}`
}
