import { translate, type TextId } from '../../../kernel/texts.ts'
import type { CodeMail, ReuseNotice } from '../message.ts'
import { layOut, type Letter } from './layout.ts'
import { dateAndTime, isolated, leftToRight, minutesLeft, timeOfDay, type Sender } from './wording.ts'

export interface RenderedMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** A mail in the user's language: the same words as plain text and laid out. Holds no link and fetches nothing. */
export function renderMail(message: CodeMail | ReuseNotice, sender: Sender, now: Date): RenderedMail {
  const letter =
    message.kind === 'refresh_token_reused' ? reuseLetter(message, sender, now) : codeLetter(message, sender, now)
  return { subject: letter.subject, text: plainText(letter), html: layOut(letter) }
}

/** The code stands in the preview, which a notification shows, and not in the subject, which relays write to their logs. */
function codeLetter(message: CodeMail, sender: Sender, now: Date): Letter {
  const { language, code, kind } = message
  const say = speaker(language, sender)
  return {
    language,
    subject: subjectOf(message, sender),
    preview: say('mail.code.preview', { code: leftToRight(language, code) }),
    heading: say(`mail.${kind}.heading`),
    before: [say(`mail.${kind}.purpose`)],
    code,
    after: [
      say('mail.code.life', {
        minutes: minutesLeft(now, message.expiresAt),
        until: timeOfDay(language, sender, message.expiresAt),
      }),
      say('mail.code.warning'),
    ],
    footer: say('mail.footer'),
  }
}

function reuseLetter(message: ReuseNotice, sender: Sender, now: Date): Letter {
  const { language } = message
  const say = speaker(language, sender)
  const heading = say('mail.refresh_token_reused.heading')
  return {
    language,
    subject: subjectOf(message, sender),
    preview: heading,
    heading,
    before: [
      say('mail.refresh_token_reused.happened', {
        occurredAt: dateAndTime(language, sender, now),
        signedInAt: dateAndTime(language, sender, message.signedInAt),
        ip: leftToRight(language, message.ip),
      }),
      say('mail.refresh_token_reused.next'),
    ],
    after: [],
    footer: say('mail.footer'),
  }
}

/** Every text may name the product. */
const speaker =
  (language: Letter['language'], sender: Sender) =>
  (id: TextId, values: Record<string, string | number> = {}): string =>
    translate(language, id, { product: isolated(language, sender.productName), ...values })

/** Without isolates: a subject is shown by programs that draw them as boxes. */
const subjectOf = ({ language, kind }: CodeMail | ReuseNotice, sender: Sender): string =>
  translate(language, `mail.${kind}.subject`, { product: sender.productName })

function plainText(letter: Letter): string {
  const code = letter.code === undefined ? [] : [leftToRight(letter.language, letter.code)]
  return [letter.heading, ...letter.before, ...code, ...letter.after, `-- \n${letter.footer}`].join('\n\n') + '\n'
}
