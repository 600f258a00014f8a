/** Who does something. Whether a user acts on himself or, as an admin, on another follows from whom it is done to. */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly userId: number }
  /** At the command line. */
  | { readonly kind: 'operator' }
  /** By itself, when its time has come. */
  | { readonly kind: 'system' }

/** By whom and from where: what the record of anything that happens says beside what it was. */
export interface Act {
  readonly actor: Actor
  /** Null where nobody called over a network. */
  readonly ip: string | null
  readonly userAgent: string
  readonly requestId: string | null
}

export const BY_OPERATOR: Act = { actor: { kind: 'operator' }, ip: null, userAgent: '', requestId: null }
export const BY_SYSTEM: Act = { actor: { kind: 'system' }, ip: null, userAgent: '', requestId: null }

/** The same act once it is known which user it is that acts. */
export const actOf = (act: Act, userId: number): Act => ({ ...act, actor: { kind: 'user', userId } })
