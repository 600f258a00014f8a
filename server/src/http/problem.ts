import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Fault, Faults, Text } from '../kernel/fault.ts'
import { type Language, negotiateLanguage } from '../kernel/language.ts'
import { Refusal, type RefusalCode } from '../kernel/refusal.ts'
import { translate } from '../kernel/texts.ts'
import { type BaseUrlRules, baseUrl } from './base-url.ts'

declare module 'fastify' {
  interface FastifyReply {
    /** What the request was refused with, for whoever counts refusals. */
    refusalCode?: RefusalCode
  }
}

export interface ProblemOptions {
  readonly urls: BaseUrlRules
  readonly defaultLanguage: Language
}

/** Answers a request with a refusal: DRF's members and an RFC 9457 problem in one body. */
export function sendProblem(options: ProblemOptions, request: FastifyRequest, reply: FastifyReply, refusal: Refusal) {
  const language = languageOf(options, request)
  reply.refusalCode = refusal.code
  void reply
    .code(refusal.status)
    .headers(refusal.details.headers ?? {})
    .header('content-language', language)
    .type('application/problem+json')
  if (refusal.status === 401) void reply.header('www-authenticate', 'Bearer realm="api"')
  // As bytes: to text Fastify would add a charset, which the type does not have (RFC 9457 §6.1).
  return reply.send(Buffer.from(JSON.stringify(problemOf(options, request, refusal, language))))
}

/** The user's own language, else what the client asks for, else the operator's choice. */
export function languageOf(options: Pick<ProblemOptions, 'defaultLanguage'>, request: FastifyRequest): Language {
  const known = request.caller ?? request.candidate
  return known?.language ?? negotiateLanguage(request.headers['accept-language']) ?? options.defaultLanguage
}

function problemOf({ urls }: ProblemOptions, request: FastifyRequest, refusal: Refusal, language: Language) {
  const { code, details } = refusal
  return {
    type: `${baseUrl(urls, request)}/errors/${code}/`,
    title: translate(language, `refusal.${code}.title`),
    detail: say(language, details.detail ?? { id: `refusal.${code}.detail` }),
    code,
    request_id: request.id,
    ...details.members,
    // Last: a field named `code` takes that member, and the machine's code is the last segment of `type`.
    ...sayFaults(language, details.faults ?? {}),
  }
}

const say = (language: Language, text: Text): string => translate(language, text.id, text.values)

const sayFaults = (language: Language, faults: Faults): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(faults).map(([field, list]) => [field, list.map((fault: Fault) => say(language, fault))]),
  )

/** Fastify's own errors that a client can cause. Whatever is not here, and no Refusal, is a fault of ours. */
const FASTIFY_ERRORS: Readonly<Record<string, RefusalCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'request_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_NOT_FOUND: 'not_found',
}

/** Every error becomes one refusal; an unknown one a bare `internal_error` whose details stay in the log. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const { code, message } = error as { code?: string; message?: string }
  const known = code === undefined ? undefined : FASTIFY_ERRORS[code]
  // By its code alone: Fastify's texts quote the path, and a path may hold an address or a token.
  if (known) return new Refusal(known, code!)
  return new Refusal(isAborted(error) ? 'bad_request' : 'internal_error', message ?? 'unknown error')
}

/** The client went away, in the middle of its body or while its work waited: nobody reads the answer. */
function isAborted(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: string }
  return code === 'ECONNRESET' || name === 'AbortError'
}
