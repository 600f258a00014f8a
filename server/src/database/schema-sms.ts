import type { Nullable } from './schema.ts'

/** What the SMS firewall decided of a code, whether or not anything was sent. */
export interface SmsDecisionsTable {
  /** The code's, where there is one. */
  id: string
  at: Date
  /** ISO 3166; `ZZ` where a number belongs to no country. */
  country: string
  /** The number without its last four digits. */
  prefix: string
  /** Keyed hash of the number. */
  destination: string
  /** An IPv4 address, or the /64 of an IPv6 one. */
  network: string
  /** Whether it went to one who has verified the number: counted apart from strangers'. */
  isOwners: boolean
  purpose: string
  /** `observe`: what was refused was sent all the same. */
  mode: 'enforce' | 'observe'
  decision: 'allowed' | 'refused'
  /** Why it was refused; `decoy`: nothing was to be sent, and only the counters know. */
  reason: Nullable<string>
  /** In ten-thousandths of the currency; 0 where none is known, and for a decoy. */
  price: number
  /** When the code was proven. */
  verifiedAt: Nullable<Date>
}

/** One row, whose update makes those who decide wait for each other: so no limit is passed by asking at once. */
export interface SmsGateTable {
  id: number
  passedAt: Nullable<Date>
}
