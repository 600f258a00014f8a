/**
 * How far an exchange over the network came before it failed: `unreachable`, so that nothing was sent; `untrusted`, the
 * other side's TLS or certificate was refused; `cut`, the connection stood and then broke or fell silent, so that what
 * was sent may have arrived.
 */
export type NetworkFault = 'unreachable' | 'untrusted' | 'cut'

const NEVER_CONNECTED: readonly string[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]

// OpenSSL's verification errors (X509_V_ERR_…, as Node spells them), and Node's own for TLS.
const TLS_CODE =
  /^(?:ERR_SSL_|ERR_TLS_|EPROTO$|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(?:CA|PURPOSE)$|HOSTNAME_MISMATCH$)/

/** Whether an error code speaks of TLS or a certificate: a matter of settings, which trying again does not mend. */
export const isTlsCode = (code: string): boolean => TLS_CODE.test(code)

/** Reads a socket's or fetch's error by its code alone: texts may hold the URL, and with it a key. */
export function networkFault(error: unknown): NetworkFault {
  const code = errorCode(error)
  if (isTlsCode(code)) return 'untrusted'
  // Node tries a host's addresses in turn; one error for all of them means that none let us in.
  if (NEVER_CONNECTED.includes(code) || error instanceof AggregateError) return 'unreachable'
  return 'cut'
}

/** `ECONNREFUSED`, `TimeoutError`: what names an error without its text. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
