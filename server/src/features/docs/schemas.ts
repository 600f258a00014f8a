import { z } from 'zod'

/** Any object of an OpenAPI document. */
export type OpenApiObject = Readonly<Record<string, unknown>>

/** A JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export interface JsonSchema {
  readonly $ref?: string
  readonly examples?: readonly unknown[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly type?: unknown
  readonly [keyword: string]: unknown
}

export interface Schemas {
  /** What the Zod schema takes (`input`) or gives (`output`): by reference where it has a name (`.meta({ id })`). */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonSchema
  /** Every schema met so far that has a name. */
  readonly named: Readonly<Record<string, JsonSchema>>
}

export function createSchemas(): Schemas {
  const named: Record<string, JsonSchema> = {}
  return {
    named,
    of(schema, io) {
      // Wrapped, since only what stands inside another schema becomes a reference.
      const { properties, $defs = {} } = z.toJSONSchema(z.object({ wrapped: schema }), { io, unrepresentable: 'any' })
      for (const [name, definition] of Object.entries($defs)) keep(named, name, plain(definition) as JsonSchema)
      return plain(properties?.['wrapped']) as JsonSchema
    },
  }
}

function keep(named: Record<string, JsonSchema>, name: string, schema: JsonSchema): void {
  const known = named[name]
  if (known && JSON.stringify(known) !== JSON.stringify(schema)) throw new Error(`two schemas are called ${name}`)
  named[name] = schema
}

/** Keywords that are ours, or say what another one says already. */
const isNoise = (schema: object, keyword: string, value: unknown): boolean =>
  ['$schema', 'mediaTypes'].includes(keyword) ||
  (keyword === 'id' && typeof value === 'string') ||
  (keyword === 'pattern' && 'format' in schema) ||
  (keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER) ||
  // Members may be added to answers one day; whoever reads them must not mind.
  (keyword === 'additionalProperties' && value === false)

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([keyword, each]) => !isNoise(value, keyword, each))
  return Object.fromEntries(kept.map(([keyword, each]) => plainKeyword(keyword, each)))
}

function plainKeyword(keyword: string, value: unknown): [string, unknown] {
  if (keyword === '$ref') return [keyword, String(value).replace('#/$defs/', '#/components/schemas/')]
  // Zod drops `examples` of whatever it transforms; `example` it lets through.
  return keyword === 'example' ? ['examples', [value]] : [keyword, plain(value)]
}

/** The schema itself, or the one it refers to. */
export const resolved = (schema: JsonSchema, named: Schemas['named']): JsonSchema =>
  schema.$ref === undefined ? schema : (named[schema.$ref.split('/').at(-1)!] ?? {})

/** An example of what a schema describes, put together from those its parts have. Undefined where they have none. */
export function exampleOf(schema: JsonSchema, named: Schemas['named']): unknown {
  const { properties, items, anyOf, type, ...rest } = resolved(schema, named)
  const given = givenExample(rest)
  if (given !== undefined) return given
  if (anyOf) return exampleOf(anyOf[0] ?? {}, named) ?? null
  if (items) return [exampleOf(items, named)]
  if (Array.isArray(type)) return null
  return type === 'object' ? exampleOfMembers(properties ?? {}, named) : PLAINEST[String(type)]
}

const givenExample = ({ examples = [], enum: choices = [], ...rest }: JsonSchema): unknown =>
  [...examples, rest['const'], rest['default'], ...choices].find((value) => value !== undefined)

const exampleOfMembers = (members: Readonly<Record<string, JsonSchema>>, named: Schemas['named']): object =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [name, exampleOf(member, named)]))

/** Where nothing better is known. */
const PLAINEST: Readonly<Record<string, unknown>> = { boolean: true, integer: 1 }
