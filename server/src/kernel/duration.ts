/** A length of time in milliseconds. The brand keeps a bare number of unknown unit from passing as one. */
export type Duration = number & { readonly __brand: 'Duration' }

export const milliseconds = (count: number): Duration => count as Duration
export const seconds = (count: number): Duration => milliseconds(count * 1000)
export const minutes = (count: number): Duration => seconds(count * 60)
export const hours = (count: number): Duration => minutes(count * 60)
export const days = (count: number): Duration => hours(count * 24)

export const after = (moment: Date, duration: Duration): Date => new Date(moment.getTime() + duration)
export const before = (moment: Date, duration: Duration): Date => new Date(moment.getTime() - duration)

/** Whole seconds from `from` to `to`, rounded up and never below 1: what `Retry-After` carries (RFC 9110 §10.2.3). */
export const secondsUntil = (from: Date, to: Date): number =>
  Math.max(1, Math.ceil((to.getTime() - from.getTime()) / 1000))

/** Seconds since 1970, whole, as JWT claims want them (RFC 7519 §2, NumericDate). */
export const toEpochSeconds = (moment: Date): number => Math.floor(moment.getTime() / 1000)
