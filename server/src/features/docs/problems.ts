import { REFUSALS, type RefusalCode } from '../../kernel/refusal.ts'
import { translate } from '../../kernel/texts.ts'
import { type Operation } from './operations.ts'
import { refusalsOf } from '../../http/openapi.ts'
import type { OpenApiObject } from './schemas.ts'

const CODES = Object.keys(REFUSALS) as readonly RefusalCode[]

/** What the bearer token of a request can be refused for. */
const BEARER = ['bad_authorization_header', 'token_not_valid', 'user_not_found', 'user_inactive'] as const
const BODY = ['parse_error', 'request_too_large', 'unsupported_media_type'] as const
/** What any request can run into before or while it is understood. */
const ANY = ['bad_request', 'request_timeout', 'headers_too_large', 'internal_error'] as const

/** Who needs no bearer token. */
const OPEN: readonly Operation['access']['who'][] = ['public', 'anyone', 'anonymous_or_admin']

/** Every code an operation can answer, in the table's order: its own, and those that follow from who may call it. */
export function codesOf({ method, access: { who, unthrottled, fresh }, schema }: Operation): RefusalCode[] {
  const codes = new Set<RefusalCode>(ANY)
  const add = (given: readonly RefusalCode[]) => given.forEach((code) => codes.add(code))
  for (const response of Object.values(schema.response ?? {})) add(refusalsOf(response) ?? [])
  if (method !== 'GET') add(BODY)
  if (schema.body) add(['invalid'])
  add(refusedCallers(who))
  if (fresh) add(['reauthentication_required'])
  if (!unthrottled) add(['throttled'])
  if (!unthrottled || method !== 'GET') add(['overloaded'])
  return CODES.filter((code) => codes.has(code))
}

/** What follows from who may call. */
const refusedCallers = (who: Operation['access']['who']): RefusalCode[] => [
  ...(who === 'public' ? [] : BEARER),
  ...(OPEN.includes(who) ? [] : (['not_authenticated'] as const)),
  ...(['anonymous_or_admin', 'self_or_admin', 'admin'].includes(who) ? (['permission_denied'] as const) : []),
]

const schemaRef = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const headerRef = (name: string) => ({ $ref: `#/components/headers/${name}` })
const FAULTS = schemaRef('Faults')

/** What responses refer to, gathered while they are described: each told once, and only what is needed. */
export interface SharedProblems {
  readonly responses: Record<string, OpenApiObject>
  readonly examples: Record<string, OpenApiObject>
}

/** One response for each status these codes have. `fields` are the members of the body, each of which can be at fault. */
export function problemResponses(
  codes: readonly RefusalCode[],
  fields: readonly string[],
  shared: SharedProblems,
): Record<string, OpenApiObject> {
  const byStatus = Map.groupBy(codes, (code) => REFUSALS[code])
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => {
      const response = problemResponse(status, those, fields)
      const isCommon = those.length === 1 && those[0] !== 'invalid'
      for (const code of those) if (code !== 'invalid') shared.examples[code] ??= problemExample(code)
      return [String(status), isCommon ? share(shared, those[0]!, response) : response]
    }),
  )
}

function share({ responses }: SharedProblems, code: RefusalCode, response: OpenApiObject): OpenApiObject {
  responses[code] ??= response
  return { $ref: `#/components/responses/${code}` }
}

function problemResponse(status: number, codes: readonly RefusalCode[], fields: readonly string[]): OpenApiObject {
  const headers = HEADERS_BY_STATUS[status] ?? []
  const examples = codes.map((code) => [code, exampleFor(code, fields)] as const)
  return {
    description: codes.map((code) => `\`${code}\`: ${translate('en', `refusal.${code}.title`)}`).join('; '),
    ...(headers.length > 0 && { headers: Object.fromEntries(headers.map((name) => [name, headerRef(name)])) }),
    content: {
      'application/problem+json': {
        schema: { allOf: [schemaRef('Problem'), narrowed(codes, fields)] },
        examples: Object.fromEntries(examples),
      },
    },
  }
}

const HEADERS_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
}

/** What these codes make of the common problem: which `code` it has, and lists of faults under the fields' own names. */
function narrowed(codes: readonly RefusalCode[], fields: readonly string[]): OpenApiObject {
  const code = codes.length === 1 ? { const: codes[0] } : { enum: codes }
  if (!codes.includes('invalid')) return { type: 'object', properties: { code } }
  const faults = Object.fromEntries([...fields, 'non_field_errors'].map((field) => [field, FAULTS]))
  return { type: 'object', properties: { ...faults, code: fields.includes('code') ? { anyOf: [code, FAULTS] } : code } }
}

/** The field at fault is the operation's own; every other example is the same wherever its code occurs. */
function exampleFor(code: RefusalCode, fields: readonly string[]): OpenApiObject {
  const [field = 'non_field_errors'] = fields
  if (code !== 'invalid') return { $ref: `#/components/examples/${code}` }
  return problemExample(code, { [field]: [translate('en', 'fault.required')] })
}

const EXAMPLE_MEMBERS: Partial<Record<RefusalCode, OpenApiObject>> = {
  token_not_valid: {
    messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is expired' }],
  },
  token_blacklisted: { non_field_errors: ['Token is blacklisted'] },
  phone_not_submitted: { status: 'User Phone Number has not submited' },
  already_verified: { status: 'User already is verified' },
  otp_invalid: { status: 'Invalid Code' },
  refresh_token_invalid: { status: 'Token is Invalid' },
  throttled: { detail: translate('en', 'refusal.throttled.wait', { seconds: 42 }) },
}

function problemExample(code: RefusalCode, members = EXAMPLE_MEMBERS[code]): OpenApiObject {
  const title = translate('en', `refusal.${code}.title`)
  const detail = translate('en', `refusal.${code}.detail`)
  const type = `http://localhost:8000/errors/${code}/`
  return { summary: title, value: { type, title, detail, code, request_id: 'req_5f1c2a9be07d43c100000a', ...members } }
}

/** Every code with its status, its words and its page. */
export const problemList = (): Record<string, OpenApiObject> =>
  Object.fromEntries(
    CODES.map((code) => {
      const [title, detail] = (['title', 'detail'] as const).map((part) => translate('en', `refusal.${code}.${part}`))
      return [code, { status: REFUSALS[code], title, detail, page: `/errors/${code}/` }]
    }),
  )

const text = (description: string): OpenApiObject => ({ type: 'string', description })

/** The schemas of failures. */
export const PROBLEM_SCHEMAS: Readonly<Record<string, OpenApiObject>> = {
  Faults: { type: 'array', items: { type: 'string' }, minItems: 1, description: 'All that is wrong with one field.' },
  RefusalCode: {
    type: 'string',
    enum: CODES,
    description:
      'What went wrong, for programs: codes are added, never renamed. Each has its page at `/errors/{code}/`.',
  },
  Problem: {
    type: 'object',
    description: 'A failure (RFC 9457). The HTTP status stands in the status line alone.',
    required: ['type', 'title', 'detail', 'code', 'request_id'],
    properties: {
      type: { type: 'string', format: 'uri', description: 'The page that explains the code.' },
      title: text('The code in words, in the language of the reader.'),
      detail: text('What happened here, in the language of the reader.'),
      code: {
        description: 'Where a field of this name is at fault, its faults; the code is the last segment of `type` too.',
        anyOf: [schemaRef('RefusalCode'), FAULTS],
      },
      request_id: text('Name it when you ask the operator: the log has it.'),
      status: text('Words that some answers of one-time codes and of logout carry. Never translated.'),
      messages: {
        type: 'array',
        description: 'Why an access token was refused.',
        items: {
          type: 'object',
          required: ['token_class', 'token_type', 'message'],
          properties: { token_class: { type: 'string' }, token_type: { type: 'string' }, message: { type: 'string' } },
        },
      },
      non_field_errors: FAULTS,
    },
  },
}
