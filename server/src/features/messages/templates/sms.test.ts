import { describe, expect, it } from 'vitest'
import type { Phone } from '../../../kernel/address.ts'
import { after, minutes } from '../../../kernel/duration.ts'
import type { CodeSms } from '../message.ts'
import { renderSms } from './sms.ts'
import type { Sender } from './wording.ts'

const NOW = new Date('2026-11-22T09:00:00Z')
const SENDER: Sender = { productName: 'Latchkey', timeZone: 'Asia/Tehran', host: 'auth.example.com' }

const LANGUAGES = ['en', 'fa'] as const
const CODES = [
  'verification_code',
  'address_change_code',
  'second_factor_code',
  'reauthentication_code',
  'sign_in_code',
] as const

const codeSms = (changes: Partial<CodeSms> = {}): CodeSms => ({
  kind: 'verification_code',
  channel: 'sms',
  to: '+989123456789' as Phone,
  language: 'en',
  userId: 1,
  code: '274913',
  expiresAt: after(NOW, minutes(2)),
  ...changes,
})

describe('an SMS with a code', () => {
  it('ends with the line that binds the code to our host, and nothing after it', () => {
    for (const language of LANGUAGES) {
      for (const kind of CODES) {
        const text = renderSms(codeSms({ language, kind }), SENDER, NOW)
        expect(text.split('\n').at(-1)).toBe('@auth.example.com #274913')
        expect(text.match(/274913/g)).toHaveLength(2)
        expect(text).not.toMatch(/[\u2066-\u2069]/)
      }
    }
  })

  it('fits one message: 70 characters in Persian, 160 in English', () => {
    const sender = { ...SENDER, host: 'localhost' }
    for (const kind of CODES) {
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
