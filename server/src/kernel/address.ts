import { domainToASCII } from 'node:url'
// The full metadata: only it knows a number's kind and refuses what the numbering plan leaves unassigned, just as the
// origin's phonenumbers did. It costs 60 KB more than /min, and no measurable time to load (33 to 47 ms for either).
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import type { CountryCode, PhoneNumberType } from 'libphonenumber-js/max'

/** An e-mail address as its owner typed it, trimmed, and known to follow the rules of `parseEmail`. */
export type Email = string & { readonly __brand: 'Email' }

/** What makes one address the same as another, whatever its case and its way of writing the domain. Found and unique by. */
export type EmailKey = string & { readonly __brand: 'EmailKey' }

/** What makes two addresses one mailbox. For uniqueness and limits alone: nobody is found, nothing is sent by it. */
export type MailboxKey = string & { readonly __brand: 'MailboxKey' }

/** A telephone number in E.164: `+` and at most fifteen ASCII digits. */
export type Phone = string & { readonly __brand: 'Phone' }

/** A country with a numbering plan, ISO 3166-1 alpha-2 in upper case. */
export type Region = CountryCode & { readonly __brand: 'Region' }

// RFC 5321 §4.5.3.1 with erratum 1690: 64 for the local part; 256 for a path, which is the address and its angle brackets.
const MAX_EMAIL_LENGTH = 254
const MAX_LOCAL_LENGTH = 64
const MAX_DOMAIN_LENGTH = 253

// RFC 5322 §3.2.3, without `%`, by which old relays forward to a third party.
const DOT_ATOM = /^[\w!#$&'*+/=?^`{|}~-]+(?:\.[\w!#$&'*+/=?^`{|}~-]+)*$/
// RFC 5890 §2.3.1. No top-level domain has one letter or is all digits; the latter would read as an IPv4 address.
const LDH_DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/
// Judged before it is mapped, since mapping drops or rewrites more than a person can see: line ends, soft hyphens, %41,
// full stops of other scripts, whatever stands behind a slash. U+200C joins Persian words; the dots join Catalan and
// Japanese ones.
const TYPED_DOMAIN = /^[a-zA-Z0-9.-]+$|^[a-zA-Z0-9.\p{L}\p{M}\p{Nd}\u200c\u00b7\u30fb-]+$/u

/**
 * The address in this text, trimmed and otherwise as typed; undefined when it is none. The local part is an ASCII dot-atom
 * (RFC 5322 §3.2.3) of at most 64 without `%`, quotes or comments; the domain has a dot, no final one, is no IP literal,
 * and may be internationalised (UTS #46, non-transitional). At most 254, as typed and in ASCII.
 */
export function parseEmail(text: string): Email | undefined {
  const email = text.trim()
  if (email.length > MAX_EMAIL_LENGTH) return undefined
  const [local, domain] = splitAtLast(email)
  if (local.length > MAX_LOCAL_LENGTH || !DOT_ATOM.test(local)) return undefined
  const asciiDomain = toAsciiDomain(domain)
  if (asciiDomain === undefined || local.length + 1 + asciiDomain.length > MAX_EMAIL_LENGTH) return undefined
  return email as Email
}

/** The same mailbox in ASCII alone, local part as typed, domain in punycode: the form to hand to a mail gateway. */
export function asciiEmail(email: Email): string {
  const [local, domain] = splitAtLast(email)
  return `${local}@${domainToASCII(domain)}`
}

/** NFKC, lower case, domain in punycode. Itself an address, whose key is itself. */
export const emailKey = (email: Email): EmailKey => asciiEmail(email).toLowerCase() as EmailKey

const GMAIL_DOMAINS: readonly string[] = ['gmail.com', 'googlemail.com']

/** The e-mail key, with dots and `+tag` folded away where Google does so. Itself an address, whose mailbox key is itself. */
export function mailboxKey(email: Email): MailboxKey {
  const key = emailKey(email)
  const [local, domain] = splitAtLast(key)
  if (!GMAIL_DOMAINS.includes(domain)) return key as string as MailboxKey
  const account = local.replace(/\+.*$/s, '').replaceAll('.', '')
  return `${account === '' ? local : account}@gmail.com` as MailboxKey
}

function splitAtLast(email: string): [local: string, domain: string] {
  const at = email.lastIndexOf('@')
  return at === -1 ? ['', email] : [email.slice(0, at), email.slice(at + 1)]
}

function toAsciiDomain(typed: string): string | undefined {
  if (!TYPED_DOMAIN.test(typed)) return undefined
  const ascii = domainToASCII(typed)
  return ascii.length <= MAX_DOMAIN_LENGTH && LDH_DOMAIN.test(ascii) ? ascii : undefined
}

/** The region this text names, in either case; undefined when no numbering plan is known for it. */
export function parseRegion(text: string): Region | undefined {
  const code = text.trim().toUpperCase()
  return isSupportedCountry(code) ? (code as Region) : undefined
}

// Longer than any number with its punctuation, far shorter than what would cost time to read.
const MAX_TYPED_PHONE_LENGTH = 40
// What a number carries along when copied out of right-to-left text: direction marks and zero-width signs.
const INVISIBLE = /[\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g
const TYPED_PHONE = /^\s*[+\uff0b]?[0-9\u0660-\u0669\u06f0-\u06f9\uff10-\uff19\p{Zs}\p{Pd}()./]+\s*$/u
// A message there is billed to us or pays its owner. A fixed line is fine: some take messages, and one that does not is
// only never verified.
const REFUSED_KINDS: readonly (PhoneNumberType | undefined)[] = ['PREMIUM_RATE', 'SHARED_COST']

/**
 * E.164 form, or undefined when it is no assigned number, has an extension, or is charged at a premium. Accepts national
 * form, the region's own international prefix (`0098`), Persian, Arabic and full-width digits, spaces, dashes, dots,
 * slashes and parentheses.
 */
export function parsePhone(text: string, region: Region): Phone | undefined {
  if (text.length > MAX_TYPED_PHONE_LENGTH) return undefined
  const typed = text.replace(INVISIBLE, '')
  if (!TYPED_PHONE.test(typed)) return undefined
  const number = parsePhoneNumberFromString(typed, { defaultCountry: region, extract: false })
  if (!number?.isValid() || REFUSED_KINDS.includes(number.getType())) return undefined
  return number.number as Phone
}

/** As dialled within its own country, ASCII digits alone: `09123456789`. */
export function nationalPhone(phone: Phone): string {
  return parsePhoneNumberFromString(phone)!.formatNational().replace(/\D/g, '')
}

/** What a log may show of an address: `a…@d…` or `+98…67`. */
export function maskAddress(address: Email | Phone): string {
  const at = address.lastIndexOf('@')
  if (at !== -1) return `${address.slice(0, 1)}…@${address.slice(at + 1, at + 2)}…`
  const callingCode = parsePhoneNumberFromString(address)?.countryCallingCode ?? ''
  return `+${callingCode}…${address.slice(-2)}`
}

// User-assigned in ISO 3166 §8.1.3, so no country will ever have it: satellite and other networks beyond countries.
const NO_COUNTRY = 'ZZ'

/** The country a number belongs to, ISO 3166 alpha-2; `ZZ` where it belongs to none. */
export const countryOf = (phone: Phone): string => parsePhoneNumberFromString(phone)?.country ?? NO_COUNTRY
