import type { Language } from '../../../kernel/language.ts'
import { translate, type TextId } from '../../../kernel/texts.ts'
import type { CodeMail, MailMessage, Notice, PasswordMail } from '../message.ts'
import { layOut, type Letter } from './layout.ts'
import { dateAndTime, isolated, leftToRight, minutesLeft, timeOfDay, type Sender } from './wording.ts'

export interface RenderedMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** A mail in the user's language: the same words as plain text and laid out. Fetches nothing. */
export function renderMail(message: MailMessage, sender: Sender, now: Date): RenderedMail {
  const letter = letterOf(message, sender, now)
  return { subject: letter.subject, text: plainText(letter), html: layOut(letter) }
}

function letterOf(message: MailMessage, sender: Sender, now: Date): Letter {
  if ('facts' in message) return noticeLetter(message, sender, now)
  if ('link' in message) return passwordLetter(message, sender)
  return codeLetter(message, sender, now)
}

// Whoever is asked for a second proof gave a password before it: a code that comes unasked gives away that it is known.
const WARNINGS: Readonly<Record<CodeMail['kind'], TextId>> = {
  registration_code: 'mail.code.warning',
  verification_code: 'mail.code.warning',
  address_change_code: 'mail.code.warning',
  sign_in_code: 'mail.code.warning',
  second_factor_code: 'mail.code.alarm',
  reauthentication_code: 'mail.code.alarm',
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
      say(WARNINGS[kind]),
    ],
    footer: say('mail.footer'),
  }
}

/** Its preview is without the code: one of so many characters is copied from the mail or not needed at all. */
function passwordLetter({ kind, language, code, link, expiresAt }: PasswordMail, sender: Sender): Letter {
  const say = speaker(language, sender)
  const heading = say(`mail.${kind}.heading`)
  return {
    language,
    subject: subjectOf({ kind, language }, sender),
    preview: heading,
    heading,
    before: [say(`mail.${kind}.purpose`)],
    code,
    button: { label: say(`mail.${kind}.button`), link },
    after: [
      say('mail.password.life', { until: dateAndTime(language, sender, expiresAt) }),
      say(`mail.${kind}.warning`),
    ],
    footer: say('mail.footer'),
  }
}

/** What happened and when, what to do if it was someone else, and where there is one the way to undo it. */
function noticeLetter({ kind, language, facts, undo }: Notice, sender: Sender, now: Date): Letter {
  const say = speaker(language, sender)
  const heading = say(`mail.${kind}.heading`)
  const told = factsToTell(language, sender, { ...facts, occurredAt: now })
  const letter = {
    language,
    subject: subjectOf({ kind, language }, sender),
    preview: heading,
    heading,
    before: [say(`mail.${kind}.happened`, told)],
    after: [say(`mail.${kind}.next`)],
    footer: say('mail.footer'),
  }
  if (!undo) return letter
  const explanation = say('mail.undo.explain', { until: dateAndTime(language, sender, undo.until) })
  const button = { label: say('mail.undo.link'), link: undo.link }
  return { ...letter, before: [...letter.before, explanation], button }
}

type Fact = Date | string | number

const factsToTell = (language: Language, sender: Sender, facts: Readonly<Record<string, Fact>>) =>
  Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => {
      if (fact instanceof Date) return [name, dateAndTime(language, sender, fact)]
      if (fact === '') return [name, translate(language, `mail.unknown_${name}` as TextId)]
      return [name, typeof fact === 'string' ? isolated(language, fact) : fact]
    }),
  )

/** Every text may name the product. */
const speaker =
  (language: Language, sender: Sender) =>
  (id: TextId, values: Record<string, string | number> = {}): string =>
    translate(language, id, { product: isolated(language, sender.productName), ...values })

/** Without isolates: a subject is shown by programs that draw them as boxes. */
const subjectOf = ({ language, kind }: Pick<MailMessage, 'language' | 'kind'>, sender: Sender): string =>
  translate(language, `mail.${kind}.subject`, { product: sender.productName })

function plainText(letter: Letter): string {
  const code = letter.code === undefined ? [] : [leftToRight(letter.language, letter.code)]
  // On a line of its own and with no mark around it, so that every program finds where the link ends.
  const link = letter.button ? [`${letter.button.label}\n${letter.button.link}`] : []
  return (
    [letter.heading, ...letter.before, ...code, ...link, ...letter.after, `-- \n${letter.footer}`].join('\n\n') + '\n'
  )
}
