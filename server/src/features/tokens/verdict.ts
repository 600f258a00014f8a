/** What became of a presented token. Never thrown: a "no" is an answer. */
export type Verdict<Claims> =
  | { readonly kind: 'valid'; readonly claims: Claims }
  /** Ours once, and its time is over. */
  | { readonly kind: 'expired' }
  /** A live token of ours, but of the other kind. */
  | { readonly kind: 'wrong_type' }
  /** Not ours, changed on the way, or signed by a key that is gone. */
  | { readonly kind: 'invalid' }
