import { describe, expect, it } from 'vitest'
import type { Phone } from '../../../kernel/address.ts'
import { after, minutes, seconds } from '../../../kernel/duration.ts'
import type { CodeMail, CodeSms, ReuseNotice } from '../message.ts'
import { renderMail } from './mail.ts'
import { renderSms } from './sms.ts'
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

const codeSms = (changes: Partial<CodeSms> = {}): CodeSms => {
  const { kind, language, userId, code, expiresAt } = codeMail()
  return { kind, language, userId, code, expiresAt, channel: 'sms', to: '+989123456789' as Phone, ...changes }
}

const reuseNotice = (changes: Partial<ReuseNotice> = {}): ReuseNotice => ({
  kind: 'refresh_token_reused',
  channel: 'email',
  to: 'sara@example.com',
  language: 'en',
  userId: 1,
  signedInAt: new Date('2026-11-20T21:00:00Z'),
  ip: '2001:db8::7',
  ...changes,
})

const EVERY_MAIL = (['en', 'fa'] as const).flatMap((language) => [
  codeMail({ language }),
  codeMail({ language, kind: 'address_change_code' }),
  reuseNotice({ language }),
])

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
      const words = html.replace(/[^]*<\/div>/, '').replace(/<[^>]*>/g, '')
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
    for (const language of ['en', 'fa'] as const) {
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

describe('the notice that a session was ended', () => {
  it('says which session, when, and what to do', () => {
    const { text } = renderMail(reuseNotice(), SENDER, NOW)
    expect(text).toContain('On 22 November 2026 at 12:30 GMT+3:30')
    expect(text).toContain('began on 21 November 2026 at 00:30 GMT+3:30 from the address 2001:db8::7')
    expect(text).toContain('change your password')
  })

  it('tells moments by the Iranian calendar in Persian', () => {
    expect(renderMail(reuseNotice({ language: 'fa' }), SENDER, NOW).text).toContain('۱ آذر ۱۴۰۵')
  })
})

describe('every mail', () => {
  it.each(EVERY_MAIL)('fetches nothing, links nowhere and runs nothing: $kind in $language', (message) => {
    const { html } = renderMail(message, SENDER, NOW)
    expect(html).not.toMatch(/<(?:img|a|script|link|iframe|form)\b|https?:|url\(|@import/i)
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

describe('an SMS with a code', () => {
  it('ends with the line that binds the code to our host, and nothing after it', () => {
    for (const language of ['en', 'fa'] as const) {
      for (const kind of ['verification_code', 'address_change_code'] as const) {
        const text = renderSms(codeSms({ language, kind }), SENDER, NOW)
        expect(text.split('\n').at(-1)).toBe('@auth.example.com #274913')
        expect(text.match(/274913/g)).toHaveLength(2)
        expect(text).not.toMatch(/[\u2066-\u2069]/)
      }
    }
  })

  it('fits one message: 70 characters in Persian, 160 in English', () => {
    const sender = { ...SENDER, host: 'localhost' }
    for (const kind of ['verification_code', 'address_change_code'] as const) {
      expect(renderSms(codeSms({ language: 'fa', kind }), sender, NOW).length).toBeLessThanOrEqual(70)
      expect(renderSms(codeSms({ kind }), sender, NOW).length).toBeLessThanOrEqual(160)
    }
  })

  it('names the code, what it is for and how long it lives', () => {
    expect(renderSms(codeSms(), SENDER, NOW)).toBe(
      'Your Latchkey code to verify this number: 274913\nValid for 2 minutes.\n@auth.example.com #274913',
    )
  })
})
