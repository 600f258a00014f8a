import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../kernel/refusal.ts'

/** Deeper than any body of ours by far; a bound, so that nothing walks a tree a stranger made arbitrarily deep. */
const MAX_DEPTH = 32

// No two neighbouring parts take the same character: else a header full of spaces would be tried in 10⁸ ways.
const JSON_MEDIA_TYPE = /^application\/json\s*(?:;\s*(?:charset\s*=\s*"?utf-8"?\s*(?:;\s*)?)?)?$/i

/** Takes JSON in UTF-8 (RFC 8259 §8.1) and nothing else; every other media type is a 415. */
export function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      done(null, parseBody(request, body))
    } catch (error) {
      done(error as Error)
    }
  })
  // No body at all is an object without members, as in DRF; only now can it be told from a `null` that was sent.
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.body === undefined) request.body = {}
    done()
  })
}

/**
 * Refuses what the parser above would only see after reading the body: called as soon as the headers are there. No body
 * at all is one without members, of whatever type it would have been where nobody reads it.
 */
export function requireJson(request: FastifyRequest): void {
  const type = request.headers['content-type']
  if (!hasBody(request)) request.body = {}
  if (!hasBody(request) && (type === undefined || request.method === 'DELETE')) return
  if (type === undefined || !JSON_MEDIA_TYPE.test(type)) throw unsupportedMediaType(type ?? '')
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw unsupportedMediaType(encoding)
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

const unsupportedMediaType = (type: string): Refusal =>
  new Refusal('unsupported_media_type', 'the body is not JSON in UTF-8', {
    detail: { id: 'refusal.unsupported_media_type.named', values: { type: type.slice(0, 100) } },
  })

function parseBody(request: FastifyRequest, body: Buffer): unknown {
  requireJson(request)
  if (body.length === 0) return {}
  const value = parseJson(body)
  if (isDeeperThan(value, MAX_DEPTH)) throw parseError('nested too deeply')
  return value
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parseJson(body: Buffer): unknown {
  let text: string
  try {
    text = utf8.decode(body)
  } catch {
    throw parseError('not UTF-8')
  }
  try {
    return JSON.parse(text, MAY_SAY_PROTO.test(text) ? refuseProto : undefined)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw parseError(positionIn(error) ?? 'not JSON')
  }
}

// A function asked of each member takes longer than the parsing; a name may be written with escapes.
const MAY_SAY_PROTO = /__proto__|\\u/

/** A member named `__proto__` has no honest use and turns into a prototype wherever objects are copied carelessly. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw parseError('a member named __proto__')
  return value
}

/** Where V8 stopped, without the excerpt of the body it quotes: the body may hold a password. */
function positionIn(error: unknown): string | undefined {
  const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined
  return position === undefined ? undefined : `unexpected character at position ${position}`
}

const parseError = (what: string): Refusal =>
  new Refusal('parse_error', what, { detail: { id: 'refusal.parse_error.at', values: { what } } })

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((member) => isDeeperThan(member, depth - 1))
}
