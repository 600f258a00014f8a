import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import type { Access } from '../../http/guard.ts'

/** A route as the document tells of it. */
export interface Operation {
  readonly method: string
  /** As Fastify writes it: `/api/users/:id/`. */
  readonly url: string
  readonly access: Access
  /** Takes an `Idempotency-Key`. */
  readonly isIdempotent: boolean
  readonly schema: OperationSchema
}

interface OperationSchema {
  readonly hide?: boolean
  readonly operationId?: string
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly params?: z.ZodType
  readonly querystring?: z.ZodType
  readonly body?: z.ZodType
  readonly response?: Readonly<Record<string, z.ZodType>>
}

/**
 * Collects the routes declared from now on that are not hidden; read the list once the last one is. `HEAD` goes without
 * saying (RFC 9110 §9.3.2).
 */
export function watchOperations(app: FastifyInstance): readonly Operation[] {
  const operations: Operation[] = []
  app.addHook('onRoute', ({ method, url, config, schema = {} }) => {
    if (schema.hide || method === 'HEAD') return
    const { access, idempotent } = config!
    const isIdempotent = idempotent === true
    operations.push({ method: String(method), url, access: access!, isIdempotent, schema: schema as OperationSchema })
  })
  return operations
}
