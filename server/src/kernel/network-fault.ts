// OpenSSL's verification errors (X509_V_ERR_…, as Node spells them), and Node's own for TLS.
const TLS_CODE =
  /^(?:ERR_SSL_|ERR_TLS_|EPROTO$|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(?:CA|PURPOSE)$|HOSTNAME_MISMATCH$)/

/** Whether an error's code speaks of TLS or a certificate: a matter of settings, which trying again does not mend. */
export const isTlsCode = (code: string): boolean => TLS_CODE.test(code)

/** `ECONNREFUSED`, `AbortError`: what names an error without its text, which may hold a URL and with it a key. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
