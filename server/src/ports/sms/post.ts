import type { Duration } from '../../kernel/duration.ts'
import { errorCode, networkFault } from '../../kernel/network-fault.ts'

/** What came of one POST. `reason` never holds the URL, which may carry a key. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | null; readonly body: string }
  /** No connection came about: the request never left. */
  | { readonly kind: 'not_sent'; readonly reason: string }
  /** The certificate or TLS of the other side was refused. */
  | { readonly kind: 'untrusted'; readonly reason: string }
  /** It may have arrived: the connection broke, or nothing came in time. */
  | { readonly kind: 'no_answer'; readonly reason: string }

// A gateway's answer about one message is under 1 KiB; what is longer is none, and must not fill our memory.
const MAX_BODY_BYTES = 64 * 1024

/**
 * One POST and its answer, both within `timeout`. Never throws, never follows a redirect (it would carry the message, and
 * in a URL the key, to another host). A body beyond 64 KiB is cut there.
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeout: Duration,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      // A kept-alive connection that the gateway closes as we write looks like a lost answer, and that is not repeated.
      headers: { ...headers, connection: 'close' },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout),
    })
    const retryAfter = response.headers.get('retry-after')
    return { kind: 'answered', status: response.status, retryAfter, body: await readBounded(response) }
  } catch (error) {
    return faultOf(error)
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_BODY_BYTES) break // leaving the loop cancels the rest
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BODY_BYTES)
}

function faultOf(error: unknown): Answer {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = errorCode(cause)
  switch (networkFault(cause)) {
    case 'unreachable':
      return { kind: 'not_sent', reason: `unavailable, no connection (${code})` }
    case 'untrusted':
      return { kind: 'untrusted', reason: `its TLS certificate was refused (${code})` }
    case 'cut':
      return { kind: 'no_answer', reason: `no answer (${code})` }
  }
}
