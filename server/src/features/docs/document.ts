import type { z } from 'zod'
import { mediaTypesOf, refusalsOf } from '../../http/openapi.ts'
import { VERSION } from '../../kernel/version.ts'
import type { Operation } from './operations.ts'
import { codesOf, PROBLEM_SCHEMAS, problemList, problemResponses, type SharedProblems } from './problems.ts'
import { createSchemas, exampleOf, type JsonSchema, type OpenApiObject, resolved, type Schemas } from './schemas.ts'

/** What is told once, gathered while the paths are described. */
interface Shared {
  readonly schemas: Schemas
  readonly problems: SharedProblems
}

/** The API in OpenAPI 3.1: what the routes say of themselves, and what follows from who may call them. */
export function describe(operations: readonly Operation[], publicUrl: string | undefined): OpenApiObject {
  const shared: Shared = { schemas: createSchemas(), problems: { responses: {}, examples: {} } }
  const paths = pathsOf(operations, shared)
  return {
    openapi: '3.1.0',
    info: INFO,
    servers: [{ url: publicUrl ?? '/', description: 'This server' }],
    tags: TAGS,
    paths,
    components: {
      schemas: { ...sorted(shared.schemas.named), ...PROBLEM_SCHEMAS },
      headers: HEADERS,
      responses: sorted(shared.problems.responses),
      examples: sorted(shared.problems.examples),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The `access` token of `POST /api/token/`.',
        },
        secondFactor: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The `access` token of a sign-in that waits for its second step (`second_factor.required`).',
        },
      },
    },
    'x-refusals': problemList(),
  }
}

const INFO = {
  title: 'Latchkey',
  version: VERSION,
  summary: 'Accounts, sessions and one-time codes',
  license: { name: 'MIT', identifier: 'MIT' },
  description: `JSON in, JSON out, UTF-8. Register, sign in, and send the access token as \`Authorization: Bearer …\`.

Every failure is a problem (RFC 9457): \`application/problem+json\` with a \`code\` for programs, and a \`title\` and
\`detail\` for people, in English or Persian by \`Accept-Language\`. [All codes, each with its page](/errors/).

Paths end in a slash and work without it too.`,
}

const TAGS = [
  { name: 'Users', description: 'Who there is: registration and records.' },
  { name: 'Tokens', description: 'Signing in and out, and the tokens a session lives by.' },
  { name: 'One-time codes', description: 'Six digits by e-mail or SMS that prove an address.' },
  { name: 'Sessions', description: 'Where you are signed in, and how to end it.' },
  {
    name: 'Factors',
    description: 'Authenticator apps, passkeys, recovery codes, and whether two factors are asked for.',
  },
  { name: 'Password', description: 'Changing it, and setting a new one by mail.' },
  { name: 'Activity', description: 'What happened to an account.' },
  { name: 'Administration', description: 'What admins do to the accounts of others.' },
  { name: 'Operation', description: 'How the server fares, for whoever runs it.' },
  { name: 'Documentation', description: 'This document, and a page for every way the server says no.' },
]

const HEADERS: Readonly<Record<string, OpenApiObject>> = {
  Location: { description: 'Where what was made can be read.', schema: { type: 'string', format: 'uri' } },
  'Retry-After': { description: 'Seconds to wait before trying again.', schema: { type: 'integer', minimum: 0 } },
  RateLimit: {
    description: 'What is left of each quota (draft-ietf-httpapi-ratelimit-headers-10).',
    schema: { type: 'string', examples: ['"user";r=599;t=60'] },
  },
  'RateLimit-Policy': {
    description: 'The quotas that apply.',
    schema: { type: 'string', examples: ['"user";q=600;w=60'] },
  },
  'WWW-Authenticate': { description: 'RFC 6750 §3.', schema: { type: 'string', const: 'Bearer realm="api"' } },
}

const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))

function pathsOf(operations: readonly Operation[], shared: Shared): Record<string, Record<string, OpenApiObject>> {
  const paths: Record<string, Record<string, OpenApiObject>> = {}
  for (const operation of operations) {
    const path = (paths[operation.url.replace(/:(\w+)/g, '{$1}')] ??= {})
    path[operation.method.toLowerCase()] = describeOperation(operation, shared)
  }
  return paths
}

function describeOperation(operation: Operation, { schemas, problems }: Shared): OpenApiObject {
  const { operationId, tags, summary, description, params, querystring, body } = operation.schema
  const parameters = [...parametersOf('path', params, schemas), ...parametersOf('query', querystring, schemas)]
  const bodySchema = body && schemas.of(body, 'input')
  return {
    operationId,
    tags,
    summary,
    description,
    security: SECURITY[operation.access.who],
    ...(parameters.length > 0 && { parameters }),
    ...(bodySchema && { requestBody: { required: true, content: jsonContent(bodySchema, schemas) } }),
    responses: {
      ...successes(operation, schemas),
      ...problemResponses(codesOf(operation), bodySchema ? fieldsOf(bodySchema, schemas) : [], problems),
    },
  }
}

const BEARER = { bearer: [] }
const SECOND_FACTOR = { secondFactor: [] }
const SECURITY = {
  public: [],
  anyone: [{}, BEARER],
  anonymous_or_admin: [{}, BEARER],
  signed_in: [BEARER],
  self_or_admin: [BEARER],
  admin: [BEARER],
  second_step: [SECOND_FACTOR],
  signed_in_or_second_step: [BEARER, SECOND_FACTOR],
} as const satisfies Record<Operation['access']['who'], readonly object[]>

function parametersOf(place: 'path' | 'query', schema: z.ZodType | undefined, schemas: Schemas): OpenApiObject[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemas.of(schema, 'input')
  return Object.entries(properties).map(([name, { description, examples, ...rest }]) => ({
    name,
    in: place,
    required: required.includes(name),
    description,
    schema: rest,
    ...(examples && { example: examples[0] }),
  }))
}

const fieldsOf = (body: JsonSchema, { named }: Schemas): string[] => Object.keys(resolved(body, named).properties ?? {})

const jsonContent = (schema: JsonSchema, { named }: Schemas): OpenApiObject => ({
  'application/json': { schema, example: exampleOf(schema, named) },
})

function successes({ access, schema: { response = {} } }: Operation, schemas: Schemas): Record<string, OpenApiObject> {
  const own = Object.entries(response).filter(([, each]) => !refusalsOf(each))
  return Object.fromEntries(
    own.map(([status, each]) => {
      const headers = headersOf(status, access)
      return [
        status,
        {
          description: PHRASES[status] ?? 'OK',
          ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
          ...(!['204', '304'].includes(status) && { content: contentOf(each, schemas) }),
        },
      ]
    }),
  )
}

const PHRASES: Readonly<Record<string, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'Done; there is nothing to say.',
  304: 'As it was when you read it.',
  503: 'Not now.',
}

/** A made thing says where it is (RFC 9110 §15.3.2); whoever is signed in is told what is left of the quotas. */
function headersOf(status: string, { who, unthrottled }: Operation['access']): [string, OpenApiObject][] {
  const isCounted = !unthrottled && !['public', 'anyone', 'anonymous_or_admin'].includes(who)
  const names = [...(status === '201' ? ['Location'] : []), ...(isCounted ? ['RateLimit', 'RateLimit-Policy'] : [])]
  return names.map((name) => [name, { $ref: `#/components/headers/${name}` }])
}

function contentOf(response: z.ZodType, schemas: Schemas): OpenApiObject {
  const schema = schemas.of(response, 'output')
  const mediaTypes = mediaTypesOf(response)
  if (mediaTypes[0] === 'application/json') return jsonContent(schema, schemas)
  return Object.fromEntries(
    mediaTypes.map((mediaType) => [mediaType, { schema: mediaType.endsWith('json') ? { type: 'object' } : schema }]),
  )
}
