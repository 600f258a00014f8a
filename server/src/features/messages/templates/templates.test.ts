import { describe, expect, it } from 'vitest'
import { after, minutes, seconds } from '../../../kernel/duration.ts'
import type { CodeMail, Notice, NoticeFacts, NoticeKind, PasswordMail } from '../message.ts'
import { renderMail } from './mail.ts'
import type { Sender } from './wording.ts'

const NOW = new Date('2026-11-22T09:00:00Z')
const SENDER: Sender = { productName: 'Latchkey', timeZone: 'Asia/Tehran', host: 'auth.example.com' }

const codeMail = (changes: Partial<CodeMail> = {}): CodeMail => ({
  kind: 'verification_code',
  channel: 'email',
  to: 'sara@example.com',
  language: 'en',
  userId: 1,
  code: '274913',
  expiresAt: after(NOW, minutes(2)),
  ...changes,
})

const LINK = 'https://auth.example.com/password/reset/#id=1&code=<"7">'

const passwordMail = (changes: Partial<PasswordMail> = {}): PasswordMail => ({
  kind: 'password_reset',
  channel: 'email',
  to: 'sara@example.com',
  language: 'en',
  userId: 1,
  code: 'K7QJ-X2MN-VPTA',
  link: LINK,
  expiresAt: after(NOW, minutes(30)),
  ...changes,
})

const IP = { ip: '2001:db8::7' }
const ADDRESS = { address: 's•••@example.com' }
const NAME = { name: 'Sara’s phone' }

/** What the notice of each kind tells. A new kind needs its facts here, so that it is read by the tests below. */
const FACTS: NoticeFacts = {
  refresh_token_reused: { signedInAt: new Date('2026-11-20T21:00:00Z'), ...IP },
  new_sign_in: { device: 'Firefox on Linux', ...IP },
  password_changed: IP,
  password_was_reset: IP,
  email_change_requested: ADDRESS,
  email_changed: ADDRESS,
  phone_change_requested: ADDRESS,
  phone_changed: ADDRESS,
  phone_verified: ADDRESS,
  phone_removed: ADDRESS,
  address_change_undone: ADDRESS,
  registration_taken: IP,
  address_taken: IP,
  phone_sign_in_on: ADDRESS,
  two_factor_on: IP,
  two_factor_off: IP,
  totp_added: IP,
  totp_removed: IP,
  passkey_added: NAME,
  passkey_removed: NAME,
  passkey_copied: NAME,
  recovery_codes_made: IP,
  method_locked: IP,
  recovery_code_used: { left: 3, ...IP },
  sessions_ended_for_you: {},
  factors_removed_for_you: {},
  two_factor_off_for_you: {},
  password_voided_for_you: {},
  unlocked_for_you: {},
  deactivated_for_you: {},
  activated_for_you: {},
  account_deleted: {},
}

const LANGUAGES = ['en', 'fa'] as const
const CODES = [
  'registration_code',
  'verification_code',
  'address_change_code',
  'second_factor_code',
  'reauthentication_code',
  'sign_in_code',
] as const
const NOTICES = Object.keys(FACTS) as NoticeKind[]

const notice = (kind: NoticeKind, changes: Partial<Notice> = {}): Notice =>
  ({
    kind,
    channel: 'email',
    to: 'sara@example.com',
    language: 'en',
    userId: 1,
    facts: FACTS[kind],
    ...changes,
  }) as Notice

const undo = { link: LINK, until: new Date('2026-11-25T09:00:00Z') }

const MAILS_WITHOUT_LINK = LANGUAGES.flatMap((language) => [
  ...CODES.map((kind) => codeMail({ kind, language })),
  ...NOTICES.map((kind) => notice(kind, { language })),
])
const MAILS_WITH_LINK = LANGUAGES.flatMap((language) => [
  passwordMail({ language }),
  passwordMail({ language, kind: 'invitation' }),
  notice('email_change_requested', { language, undo }),
])
const EVERY_MAIL = [...MAILS_WITHOUT_LINK, ...MAILS_WITH_LINK]

/** What a reader sees of the HTML, the preview left out. */
const wordsOf = (html: string): string => unescaped(html.replace(/[^]*?<\/div>/, '').replace(/<[^>]*>/g, ''))

const unescaped = (html: string): string =>
  html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')

describe('a mail with a code', () => {
  it('names the code, what it is for, how long it lives and until when, in the operator time zone', () => {
    const { text } = renderMail(codeMail(), SENDER, NOW)
    expect(text).toContain('\n\n274913\n\n')
    expect(text).toContain('prove that this e-mail address is yours')
    expect(text).toContain('2 minutes, until 12:32 GMT+3:30')
  })

  it('says the same in its plain text as in its HTML', () => {
    for (const message of EVERY_MAIL) {
      const { text, html } = renderMail(message, SENDER, NOW)
      const words = wordsOf(html)
      for (const line of text.split('\n').filter((line) => line.trim() !== '' && line !== '-- ')) {
        expect(words).toContain(line.replace(/[\u2066-\u2069]/g, ''))
      }
    }
  })

  it('reads from right to left in Persian, with the code left to right in ASCII digits', () => {
    const { text, html, subject } = renderMail(codeMail({ language: 'fa' }), SENDER, NOW)
    expect(html).toContain('<html lang="fa" dir="rtl">')
    expect(html).toContain('<bdi dir="ltr">274913</bdi>')
    expect(text).toContain('\u2066274913\u2069')
    expect(text).toContain('۲ دقیقه')
    expect(subject).toBe('کد تأیید شما در Latchkey')
  })

  it('shows the code in the preview and never in the subject, which relays log', () => {
    for (const language of LANGUAGES) {
      const { subject, html } = renderMail(codeMail({ language }), SENDER, NOW)
      expect(subject).not.toContain('274913')
      expect(html).toMatch(/<div style="display:none[^>]*>[^\n]*274913/)
    }
  })

  it('never promises more life than the code has', () => {
    const { text } = renderMail(codeMail({ expiresAt: after(NOW, seconds(119)) }), SENDER, NOW)
    expect(text).toContain('1 minute,')
  })

  it('tells a new address from one to be verified', () => {
    const { subject, text } = renderMail(codeMail({ kind: 'address_change_code' }), SENDER, NOW)
    expect(subject).toBe('Confirm your new Latchkey e-mail address')
    expect(text).toContain('the e-mail address of your account')
  })
})

describe('the code for a second proof', () => {
  it.each(['second_factor_code', 'reauthentication_code'] as const)(
    'says what it means when it comes unasked: %s',
    (kind) => {
      expect(renderMail(codeMail({ kind }), SENDER, NOW).text).toContain('someone else knows it: change it')
      expect(renderMail(codeMail({ kind: 'sign_in_code' }), SENDER, NOW).text).toContain('ignore this message')
    },
  )
})

describe('the mail to choose a password', () => {
  it('holds the code in groups of four, the link on a line of its own and their end', () => {
    const { text } = renderMail(passwordMail(), SENDER, NOW)
    expect(text).toContain('\n\nK7QJ-X2MN-VPTA\n\n')
    expect(text).toContain(`Choose a new password\n${LINK}\n\n`)
    expect(text).toContain('work once, until 22 November 2026 at 13:00 GMT+3:30')
  })

  it('shows neither code nor link in the subject or the preview', () => {
    for (const mail of MAILS_WITH_LINK) {
      const { subject, html } = renderMail(mail, SENDER, NOW)
      const preview = /<div style="display:none[^]*?<\/div>/.exec(html)?.[0]
      expect(`${subject} ${preview}`).not.toMatch(/K7QJ|auth\.example\.com/)
    }
  })

  it('is not laid out around a link that a browser would run', () => {
    const link = 'javascript:alert(1)'
    expect(() => renderMail(passwordMail({ link }), SENDER, NOW)).toThrow('http')
  })
})

describe('the notice that a session was ended', () => {
  it('says which session, when, and what to do', () => {
    const { text } = renderMail(notice('refresh_token_reused'), SENDER, NOW)
    expect(text).toContain('On 22 November 2026 at 12:30 GMT+3:30')
    expect(text).toContain('began on 21 November 2026 at 00:30 GMT+3:30 from the address 2001:db8::7')
    expect(text).toContain('change your password')
  })

  it('tells moments by the Iranian calendar in Persian', () => {
    expect(renderMail(notice('refresh_token_reused', { language: 'fa' }), SENDER, NOW).text).toContain('۱ آذر ۱۴۰۵')
  })
})

describe('every notice', () => {
  it.each(NOTICES)('says when it happened and every fact it was given: %s', (kind) => {
    const { text } = renderMail(notice(kind), SENDER, NOW)
    expect(text).toContain('On 22 November 2026 at 12:30 GMT+3:30')
    for (const fact of Object.values(FACTS[kind])) if (!(fact instanceof Date)) expect(text).toContain(String(fact))
  })

  it.each(NOTICES)('is headed by words of its own, in both languages: %s', (kind) => {
    const others = NOTICES.filter((other) => other !== kind)
    for (const language of LANGUAGES) {
      const { subject } = renderMail(notice(kind, { language }), SENDER, NOW)
      expect(others.map((other) => renderMail(notice(other, { language }), SENDER, NOW).subject)).not.toContain(subject)
    }
  })

  it('offers the way to undo it where there is one, and says until when', () => {
    const { text } = renderMail(notice('email_change_requested', { undo }), SENDER, NOW)
    expect(text).toContain('until 25 November 2026 at 12:30 GMT+3:30')
    expect(text).toContain(`Undo it\n${LINK}\n\n`)
  })

  it.each([
    [0, 'None is left'],
    [1, 'One is left'],
    [9, '9 are left'],
  ])('counts the recovery codes that are left: %i', (left, words) => {
    const used = notice('recovery_code_used', { facts: { left, ...IP } })
    expect(renderMail(used, SENDER, NOW).text).toContain(words)
  })

  it('lets no name turn the sentence about it', () => {
    const name = 'a\u2069\u202Eb'
    const { text } = renderMail(notice('passkey_added', { language: 'fa', facts: { name } }), SENDER, NOW)
    expect(text).toContain('«\u2068ab\u2069»')
  })
})

describe('every mail', () => {
  it.each(EVERY_MAIL)('fetches nothing and runs nothing: $kind in $language', (message) => {
    const { html } = renderMail(message, SENDER, NOW)
    expect(html).not.toMatch(/<(?:img|script|link|iframe|form)\b|url\(|@import/i)
  })

  it.each(MAILS_WITHOUT_LINK)('links nowhere unless it is about a link: $kind in $language', (message) => {
    expect(renderMail(message, SENDER, NOW).html).not.toMatch(/<a\b|https?:/i)
  })

  it.each(MAILS_WITH_LINK)('that is about a link links there, and nowhere else: $kind in $language', (message) => {
    const { html } = renderMail(message, SENDER, NOW)
    expect([...html.matchAll(/<a\b[^>]* href="([^"]*)"/g)].map(([, link]) => unescaped(link ?? ''))).toEqual([LINK])
    expect(unescaped(html).replaceAll(LINK, '')).not.toMatch(/https?:/i)
  })

  it.each(EVERY_MAIL)(
    'leaves no isolate in the HTML or the subject, where some programs draw it as a box',
    (message) => {
      const { html, subject } = renderMail(message, SENDER, NOW)
      expect(html + subject).not.toMatch(/[\u2066-\u2069]/)
    },
  )

  it('lets no name become markup', () => {
    const sender = { ...SENDER, productName: '<b>"Shop" & Co</b>' }
    const { html, subject } = renderMail(codeMail(), sender, NOW)
    expect(html).toContain('&lt;b&gt;&quot;Shop&quot; &amp; Co&lt;/b&gt;')
    expect(html).not.toContain('<b>')
    expect(subject).toContain('<b>"Shop" & Co</b>')
  })
})
