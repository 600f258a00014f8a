import fastJson from 'fast-json-stringify'
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import { z } from 'zod'
import type { Fault, Faults } from '../kernel/fault.ts'
import { invalid } from '../kernel/refusal.ts'
import type { TextId } from '../kernel/texts.ts'
import { problem, refusalsOf } from './openapi.ts'

/** Bodies are parsed by the route's own schema; what is wrong becomes a list of faults for each field (DRF's form). */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (input: unknown) => {
    const wrongKind = httpPart === 'body' ? kindFault(input) : undefined
    if (wrongKind) return { error: invalid({ non_field_errors: [wrongKind] }) }
    const result = schema.safeParse(input)
    return result.success ? { value: result.data } : { error: invalid(faultsOf(result.error, input)) }
  }
}

/** DRF names Python's types; clients that show the text expect them. */
function kindFault(body: unknown): Fault | undefined {
  if (body === null) return { id: 'fault.no_data' }
  if (typeof body === 'object' && !Array.isArray(body)) return undefined
  return { id: 'fault.not_an_object', values: { type: pythonTypeOf(body) } }
}

function pythonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  return Number.isInteger(value) ? 'int' : 'float'
}

/** Every fault of every field, in the schema's order, none twice. */
function faultsOf(error: z.ZodError, input: unknown): Faults {
  const faults: Record<string, Fault[]> = {}
  for (const issue of error.issues) {
    const list = (faults[String(issue.path[0] ?? 'non_field_errors')] ??= [])
    const fault = { id: issue.message as TextId, ...valuesOf(issue, input) }
    if (!list.some(({ id }) => id === fault.id)) list.push(fault)
  }
  return faults
}

function valuesOf(issue: z.core.$ZodIssue, input: unknown): Pick<Fault, 'values'> {
  if (issue.code === 'custom' && issue.params) return { values: issue.params as NonNullable<Fault['values']> }
  return issue.code === 'invalid_value' ? { values: { value: shown(memberAt(input, issue.path)) } } : {}
}

const memberAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], input)

/** A refused value as DRF repeats it, cut so that an answer stays small; nothing for one that is not there. */
const shown = (value: unknown = ''): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 100).toWellFormed()

type Serializer = ReturnType<FastifySerializerCompiler<z.ZodType>>

const compiled = new WeakMap<z.ZodType, Serializer>()

/**
 * Answers are written by a function compiled from the route's response schema: a member the schema lacks is never sent. Compiled at its
 * first answer, once for all routes that have it, refusals too, which differ in nothing but what the documentation says of them: else
 * a tenth of a start would be spent on them.
 */
export const serializerCompiler: FastifySerializerCompiler<z.ZodType> = ({ schema }) => {
  const written = refusalsOf(schema) ? problem : schema
  const known = compiled.get(written) ?? onceAsked(written)
  compiled.set(written, known)
  return known
}

function onceAsked(schema: z.ZodType): Serializer {
  let write: Serializer | undefined
  return (answer: unknown) => (write ??= compile(schema))(answer)
}

function compile(schema: z.ZodType): Serializer {
  const jsonSchema = z.toJSONSchema(schema, { io: 'output', target: 'draft-7', unrepresentable: 'any' })
  return fastJson(jsonSchema as Parameters<typeof fastJson>[0])
}
