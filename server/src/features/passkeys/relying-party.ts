/** Who asks for passkeys, as browsers and authenticators see it (WebAuthn Level 3 §4, relying party). */
export interface RelyingParty {
  /** The host passkeys belong to: no page elsewhere can ask for them. Never changed, or every passkey is lost. */
  readonly id: string
  readonly name: string
  /** The pages whose passkeys are taken; at least one. */
  readonly origins: readonly [string, ...string[]]
}
