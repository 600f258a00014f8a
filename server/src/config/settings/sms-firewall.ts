import { parseRegion } from '../../kernel/address.ts'
import { choice, kind, list, wholeNumber } from '../kinds.ts'
import { amount, currency, price } from '../kinds-of-money.ts'
import type { SettingTable } from '../setting.ts'

const country = kind('a country', (text) => (text === '*' ? text : parseRegion(text)))
const cap = wholeNumber(1, 1_000_000)

export const SMS_FIREWALL = {
  SMS_FIREWALL: {
    kind: choice('enforce', 'observe'),
    default: 'enforce',
    help: 'enforce: what these settings refuse is not sent; observe: it is sent, and recorded as what would have been refused.',
    example: 'observe',
  },
  SMS_COUNTRIES: {
    kind: list('country codes of two letters (ISO 3166), or * for all', country),
    help: 'Where codes are sent by SMS. Not set: DEFAULT_REGION alone.',
    example: 'IR,DE',
  },
  SMS_PER_NUMBER_DAY: {
    kind: cap,
    default: '10',
    help: 'Codes by SMS to one number a day; a verified owner is counted apart from strangers.',
    example: '5',
  },
  SMS_PER_RANGE_HOUR: {
    kind: cap,
    default: '20',
    help: 'Codes by SMS an hour to numbers that differ in their last four digits alone; verified owners are spared.',
    example: '100',
  },
  SMS_PER_ADDRESS_HOUR: {
    kind: cap,
    default: '30',
    help: 'Codes by SMS an hour asked for from one IPv4 address or IPv6 /64; verified owners are spared.',
    example: '10',
  },
  SMS_PER_COUNTRY_DAY: {
    kind: cap,
    default: '2000',
    help: 'Codes by SMS a day to one country; verified owners are spared.',
    example: '10000',
  },
  SMS_PRICES: {
    kind: list('prices such as IR=0.01, with * for all other countries', price),
    help: 'What a text message costs by country, for the budgets and `latchkey sms report`.',
    example: 'IR=0.01,GB=0.05,*=0.10',
  },
  SMS_CURRENCY: {
    kind: currency,
    default: 'USD',
    help: 'The currency of prices and budgets; only shown.',
    example: 'IRR',
  },
  SMS_BUDGET_HOUR: {
    kind: amount,
    help: 'What codes by SMS may cost an hour; a fifth is kept for verified owners. Not set: no limit in money.',
    example: '5',
  },
  SMS_BUDGET_DAY: {
    kind: amount,
    help: 'The same a day.',
    example: '40',
  },
} satisfies SettingTable
