import type { Config } from '../config.ts'
import type { RelyingParty } from '../features/passkeys/service.ts'

/**
 * Passkeys belong to the host of PUBLIC_URL and are taken from the pages PASSKEY_ORIGINS names, else from PUBLIC_URL's own;
 * while PUBLIC_URL is not set, from this server's own pages in any case.
 */
export function relyingPartyOf(
  { passkeyOrigins, productName: name, server: { publicUrl } }: Config,
  localUrl: string,
): RelyingParty {
  const own = publicUrl ?? localUrl
  const [first, ...others] = passkeyOrigins
  const { hostname: id } = new URL(own)
  if (first === undefined) return { id, name, origins: [own] }
  return { id, name, origins: [first, ...others, ...(publicUrl === undefined ? [localUrl] : [])] }
}
