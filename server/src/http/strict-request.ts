import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { Refusal } from '../kernel/refusal.ts'

/**
 * Refuses a request whose target two readers could understand differently (RFC 9112 §3.2): no or several `Host`s, an
 * absolute-form target, whose authority a proxy may have believed in place of `Host`.
 */
export function refuseAmbiguousTarget({ raw }: FastifyRequest): void {
  const hosts = raw.rawHeaders.filter((header, index) => index % 2 === 0 && header.toLowerCase() === 'host')
  const needsHost = raw.httpVersion !== '1.0'
  if (hosts.length > 1 || (needsHost && !raw.headers.host)) throw new Refusal('bad_request', 'not exactly one Host')
  if (!raw.url?.startsWith('/')) throw new Refusal('bad_request', 'the target is no path')
}

const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

const PROBLEMS: Readonly<Record<string, { code: string; title: string }>> = {
  HPE_HEADER_OVERFLOW: { code: 'headers_too_large', title: 'Headers too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request_timeout', title: 'Request timed out' },
}

/** Answers what never became a request: bytes that are no HTTP, headers past the limit, a client that takes forever. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { code, title } = PROBLEMS[error.code ?? ''] ?? { code: 'bad_request', title: 'Bad request' }
  const body = JSON.stringify({ type: `/errors/${code}/`, title, detail: title, code })
  socket.end(
    `HTTP/1.1 ${STATUS_LINES[error.code ?? ''] ?? '400 Bad Request'}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  )
}
