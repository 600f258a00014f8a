import fc from 'fast-check'
import examples from 'libphonenumber-js/mobile/examples'
import { describe, expect, it } from 'vitest'
import {
  asciiEmail,
  emailKey,
  mailboxKey,
  maskAddress,
  nationalPhone,
  parseEmail,
  parsePhone,
  parseRegion,
} from './address.ts'
import type { Email, Phone, Region } from './address.ts'

const email = (text: string): Email => {
  const parsed = parseEmail(text)
  if (parsed === undefined) throw new Error(`refused: ${text}`)
  return parsed
}
const IRAN = parseRegion('IR')!
const phone = (text: string, region: Region = IRAN): Phone => {
  const parsed = parsePhone(text, region)
  if (parsed === undefined) throw new Error(`refused: ${text}`)
  return parsed
}

describe('an e-mail address', () => {
  it.each([
    'a@b.co.uk',
    "o'brien+list@example.com",
    '!#$&*/=?^_`{|}~-@example.com',
    'Ada.Lovelace@Example.COM',
    'a@bücher.example',
    'a@ایران.ایران',
    'a@نامه\u200cای.com',
    'a@xn--bcher-kva.example',
    `${'a'.repeat(64)}@example.com`,
    `a@${'b'.repeat(63)}.com`,
    'a@3com.example.1a',
  ])('may be %s, and is kept as typed', (text) => {
    expect(parseEmail(`  ${text}\n`)).toBe(text)
  })

  it.each([
    '',
    '@',
    'a',
    'a@',
    '@b.com',
    'a@b',
    'a b@example.com',
    'a..b@example.com',
    '.a@example.com',
    'a.@example.com',
  ])('is not %j', (text) => expect(parseEmail(text)).toBeUndefined())

  it.each([
    ['a quoted local part', '"quoted"@example.com'],
    ['an IPv4 literal', 'a@[127.0.0.1]'],
    ['an IPv6 literal', 'a@[::1]'],
    ['a host without a dot', 'a@localhost'],
    ['a percent sign, which old relays forward by', 'a%b@example.com'],
    ['a top-level domain all of digits', 'a@example.12'],
    ['what reads as an IPv4 address in hexadecimal', 'a@0x7f.0x1'],
    ['a top-level domain with a hyphen in front', 'a@example.-com'],
    ['a local part of 65', `${'a'.repeat(65)}@example.com`],
    ['more than 254 in all', `a@${`${'b'.repeat(61)}.`.repeat(4)}example.com`],
    ['a symbol in the domain', 'a@i❤.ws'],
    ['a full stop of another script', 'a@example。com'],
    ['a soft hyphen in the domain', 'a@exa\u00admple.com'],
  ])('is refused with %s, though Django REST Framework takes it', (_, text) => {
    expect(parseEmail(text)).toBeUndefined()
  })

  it.each([
    ['a comment', '(c)a@example.com'],
    ['a final dot', 'a@example.com.'],
    ['a top-level domain of one letter', 'a@b.c'],
    ['a label of 64', `a@${'b'.repeat(64)}.com`],
    ['letters beyond ASCII in front of the @', 'é@example.com'],
    ['a full-width @', 'a＠example.com'],
    ['a second @ of any kind', 'a@b﹫example.com'],
    ['a letter that stands for words with spaces', 'a@ﷺ.com'],
    ['a sign that stands for a slash', 'a@℀.com'],
    ['a leader that stands for a dot', 'a@example\u2024com'],
    ['an escaped letter in the domain', 'a@ex%61mple.com'],
    ['a line end in the domain', 'a@exa\nmple.com'],
    ['a path', 'a@example.com/x'],
    ['a port', 'a@example.com:25'],
    ['a stray joiner', 'a@b\u200cc.com'],
    ['a label that is no punycode beside one that is', 'a@xn--bücher.example'],
    ['a line end in front of the @', 'a\nb@example.com'],
    ['a lone surrogate', 'a@b\ud800.com'],
  ])('is refused with %s', (_, text) => expect(parseEmail(text)).toBeUndefined())

  it('has a domain that fits in ASCII too, however short it looks', () => {
    expect(parseEmail(`a@${'ü'.repeat(63)}.com`)).toBeUndefined()
  })

  it('is found whatever its case and its way of writing the domain', () => {
    const spellings = [
      'Ada@BÜCHER.example',
      'ada@bu\u0308cher.example',
      'ADA@xn--Bcher-KVA.example',
      'ada@ｂücher.example',
    ]
    expect(new Set(spellings.map((spelling) => emailKey(email(spelling))))).toEqual(
      new Set(['ada@xn--bcher-kva.example']),
    )
  })

  it('goes to a mail gateway in ASCII, its local part as typed', () => {
    expect(asciiEmail(email('Ada@BÜCHER.example'))).toBe('Ada@xn--bcher-kva.example')
  })

  it('has one mailbox at Google, dots and tags or not, and nowhere else', () => {
    const atGoogle = ['a.d.a@gmail.com', 'ada+x.y+z@Gmail.com', 'ADA@googlemail.com'].map((text) =>
      mailboxKey(email(text)),
    )
    expect(new Set(atGoogle)).toEqual(new Set(['ada@gmail.com']))
    expect(mailboxKey(email('A.da+x@example.com'))).toBe('a.da+x@example.com')
    expect(mailboxKey(email('+tag@gmail.com'))).not.toBe(mailboxKey(email('+other@gmail.com')))
  })

  const letters = fc.constantFrom(...'abzABZ09-éÜßöńжЖדایران日本ｅ'.split(''))
  const label = fc.string({ unit: letters, minLength: 1, maxLength: 8 })
  const atom = fc.string({ unit: fc.constantFrom(..."abzABZ09+-_'".split('')), minLength: 1, maxLength: 8 })
  const dotted = (part: fc.Arbitrary<string>, minLength: number) =>
    fc.array(part, { minLength, maxLength: 3 }).map((parts) => parts.join('.'))
  const domain = fc.oneof(dotted(label, 2), fc.constantFrom('gmail.com', 'GoogleMail.com'))
  const typed = fc.tuple(dotted(atom, 1), domain).map((parts) => parts.join('@'))
  const accepted = typed.map(parseEmail).filter((parsed) => parsed !== undefined)

  it('has a key whose key is itself, and a mailbox whose mailbox is itself', () => {
    fc.assert(
      fc.property(accepted, (address) => {
        const [key, mailbox] = [emailKey(address), mailboxKey(address)]
        expect(emailKey(email(key))).toBe(key)
        expect(mailboxKey(email(mailbox))).toBe(mailbox)
        expect(mailboxKey(email(key))).toBe(mailbox)
      }),
      { numRuns: 2000 },
    )
  })

  it('shares its key with no address that is not the same but for case and form', () => {
    const plain = (text: string) => text.normalize('NFKC').toLowerCase()
    const pairs = accepted.chain((one) =>
      fc.tuple(fc.constant(one), fc.oneof(accepted, fc.constantFrom(one.toUpperCase(), one.normalize('NFKD')))),
    )
    fc.assert(
      fc.property(pairs, ([one, text]) => {
        const other = parseEmail(text)
        fc.pre(other !== undefined && !/ß/i.test(one)) // upper-cased, ß is two letters
        expect(emailKey(one) === emailKey(other)).toBe(plain(one) === plain(other))
      }),
      { numRuns: 2000 },
    )
  })

  it('has nothing in it that nobody sees', () => {
    const unseen = fc.constantFrom(
      ...'\0\t\n\u001b\u0085\u00ad\u061c\u200b\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff',
    )
    fc.assert(
      fc.property(accepted, unseen, fc.nat(), (address, character, at) => {
        const place = 1 + (at % (address.length - 1)) // at its ends it is trimmed, or refused as well
        expect(parseEmail(address.slice(0, place) + character + address.slice(place))).toBeUndefined()
      }),
      { numRuns: 2000 },
    )
  })

  it('whatever the text, is never an error, and its key is printable ASCII with one @', () => {
    const parts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('@', '.', 'a', '.com')))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'grapheme' }),
          parts.map((list) => list.join('')),
        ),
        (text) => {
          const parsed = parseEmail(text)
          if (parsed !== undefined) expect(emailKey(parsed)).toMatch(/^[!-?A-~]+@[a-z0-9.-]+$/)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('a phone number', () => {
  it.each([
    '09123456789',
    '9123456789',
    '989123456789',
    '+989123456789',
    '00989123456789',
    '+98 (0)912-345 67.89',
    '(0912) 345-6789',
    '0912/3456789',
    '۰۹۱۲۳۴۵۶۷۸۹',
    '٠٩١٢٣٤٥٦٧٨٩',
    '۰۰۹۸ ۹۱۲ ۳۴۵ ۶۷۸۹',
    '０９１２３４５６７８９',
    '\u200e+989123456789\u202c',
    ' 0912\u00a0345\u20136789 ',
  ])('is one number, however it is typed: %j', (text) => expect(parsePhone(text, IRAN)).toBe('+989123456789'))

  it.each([
    ['nothing', ''],
    ['a bare sign', '+'],
    ['words around it', 'call 09123456789 now'],
    ['an extension', '09123456789 ext 5'],
    ['an extension after a semicolon', '+989123456789;ext=5'],
    ['letters for digits', '+1 800 FLOWERS'],
    ['a scheme', 'tel:+989123456789'],
    ['a digit too few', '0912345678'],
    ['a digit too many', '091234567890'],
    ['a country that is none', '+999123456789'],
    ['an emergency number', '110'],
    ['a premium rate', '+19005551234'],
    ['a second number', '09123456789 09123456780'],
    ['no end', '0'.repeat(10_000)],
    ['a NUL', '09123456789\0'],
  ])('is refused with %s', (_, text) => expect(parsePhone(text, IRAN)).toBeUndefined())

  it('may be a fixed line, since some take messages', () => {
    expect(parsePhone('021 8877 6655', IRAN)).toBe('+982188776655')
  })

  it('in national form belongs to the region it is given in', () => {
    expect(parsePhone('07400 123456', parseRegion('gb')!)).toBe('+447400123456')
    expect(parseRegion('XX')).toBeUndefined()
    expect(parseRegion('Iran')).toBeUndefined()
  })

  it('stays the same when read again, in any region, and goes back from its national form', () => {
    for (const [code, national] of Object.entries(examples)) {
      const region = parseRegion(code)!
      const parsed = phone(national, region)
      expect(parsePhone(parsed, IRAN)).toBe(parsed)
      expect(parsePhone(nationalPhone(parsed), region)).toBe(parsed)
    }
  })

  it('is dialled at home as its gateway wants it', () => {
    expect(nationalPhone(phone('+989123456789'))).toBe('09123456789')
  })

  it('whatever the text, is never an error', () => {
    const unit = fc.constantFrom(...'+0123456789۰۹٠٩ ()-./;ext\0\u200e'.split(''))
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit }), fc.string({ unit: 'binary' })), (text) => {
        const parsed = parsePhone(text, IRAN)
        if (parsed !== undefined) expect(parsed).toMatch(/^\+[1-9]\d{5,14}$/)
      }),
      { numRuns: 2000 },
    )
  })
})

it('a log shows of an address no more than where it begins', () => {
  expect(maskAddress(email('ada@example.com'))).toBe('a…@e…')
  expect(maskAddress(phone('09123456767'))).toBe('+98…67')
})
