import { readFileSync } from 'node:fs'
import { type ErrorObject, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

interface MediaType {
  readonly schema: object
}

interface Response {
  readonly $ref?: string
  readonly content?: Readonly<Record<string, MediaType>>
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Record<string, Response> }>>>>
  readonly components: { readonly responses: Readonly<Record<string, Response>> }
  readonly 'x-refusals': Readonly<Record<string, { readonly status: number }>>
}

/** The document as it is committed; a test holds it to what the server says. */
export const OPENAPI = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as OpenApi

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(OPENAPI, 'openapi.json')

const TEMPLATES = Object.keys(OPENAPI.paths).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replace(/\/$/, '/?').replace(/\{\w+\}/g, '[^/]+')}$`),
  isFixed: !path.includes('{'),
}))

interface Answered {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

/**
 * Holds an answer to the document: its status is told of, its media type too, its body is as described. Says nothing of
 * what the document leaves out: paths and methods that are hidden or do not exist.
 *
 * @throws an Error that names what differs.
 */
export function checkAnswer(method: string, target: string, { status, contentType, text }: Answered): void {
  const path = templateOf(target.split('?')[0]!)
  const operation = path && OPENAPI.paths[path]?.[method.toLowerCase()]
  if (!operation) return
  const named = `${method} ${path} ${status}`
  const given = operation.responses[status]
  if (!given) throw new Error(`${named}: openapi.json has no such status; the answer was ${text.slice(0, 500)}`)
  const { content } = resolve(given)
  if (!content) {
    if (text !== '') throw new Error(`${named}: openapi.json has no body; the answer was ${text.slice(0, 500)}`)
    return
  }
  const mediaType = contentType.split(';')[0]!
  const described = content[mediaType]
  if (!described)
    throw new Error(`${named}: openapi.json does not have ${mediaType}; the answer was ${text.slice(0, 500)}`)
  if (mediaType.endsWith('json')) assertValid(named, described.schema, text)
}

const templateOf = (path: string): string | undefined =>
  TEMPLATES.filter(({ pattern }) => pattern.test(path)).sort((a, b) => Number(b.isFixed) - Number(a.isFixed))[0]?.path

const resolve = (response: Response): Response =>
  response.$ref === undefined ? response : OPENAPI.components.responses[response.$ref.split('/').at(-1)!]!

const compiled = new Map<object, ValidateFunction>()

function assertValid(named: string, schema: object, text: string): void {
  const validate = compiled.get(schema) ?? ajv.compile(absolute(schema))
  compiled.set(schema, validate)
  if (validate(JSON.parse(text))) return
  throw new Error(
    `${named}: not as openapi.json says: ${explain(validate.errors ?? [])}; the answer was ${text.slice(0, 500)}`,
  )
}

/** The same schema, its references led to the document. */
const absolute = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi.json#/')) as object

const explain = (errors: readonly ErrorObject[]): string =>
  errors.map(({ instancePath, message }) => `${instancePath || 'the body'} ${message}`).join(', ')
