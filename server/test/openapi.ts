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

interface Answered {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

export type CheckAnswer = (method: string, target: string, answered: Answered) => void

/**
 * Gives what holds an answer to a document: its status is told of, its media type too, its body is as described. Says nothing
 * of what the document leaves out: paths and methods that are hidden or do not exist. It throws an Error that names what differs.
 */
export function checkerOf(document: OpenApi): CheckAnswer {
  const templateOf = createTemplates(document)
  const assertValid = createValidation(document)
  const resolve = (response: Response): Response =>
    response.$ref === undefined ? response : document.components.responses[response.$ref.split('/').at(-1)!]!

  return (method, target, { status, contentType, text }) => {
    const path = templateOf(target.split('?')[0]!)
    const operation = path && document.paths[path]?.[method.toLowerCase()]
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
}

/** By the committed document, which is that of a server without any setting. */
export const checkAnswer: CheckAnswer = checkerOf(OPENAPI)

function createTemplates({ paths }: OpenApi): (path: string) => string | undefined {
  const templates = Object.keys(paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replace(/\/$/, '/?').replace(/\{\w+\}/g, '[^/]+')}$`),
    isFixed: !path.includes('{'),
  }))
  return (path) =>
    templates.filter(({ pattern }) => pattern.test(path)).sort((a, b) => Number(b.isFixed) - Number(a.isFixed))[0]?.path
}

function createValidation(document: OpenApi): (named: string, schema: object, text: string) => void {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema(document, 'openapi.json')
  const compiled = new Map<object, ValidateFunction>()
  return (named, schema, text) => {
    const validate = compiled.get(schema) ?? ajv.compile(absolute(schema))
    compiled.set(schema, validate)
    if (validate(JSON.parse(text))) return
    throw new Error(
      `${named}: not as openapi.json says: ${explain(validate.errors ?? [])}; the answer was ${text.slice(0, 500)}`,
    )
  }
}

/** The same schema, its references led to the document. */
const absolute = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi.json#/')) as object

const explain = (errors: readonly ErrorObject[]): string =>
  errors.map(({ instancePath, message }) => `${instancePath || 'the body'} ${message}`).join(', ')
