import { z } from 'zod'
import type { Fault } from '../kernel/fault.ts'

/** Query parameters that are no plain text; what is wrong with them is told as for the fields of a body. */

/** A user's number. */
export const userId = () =>
  z
    .unknown()
    .transform((value, context): number => {
      const id = userIdOf(value)
      if (id === undefined) refuse(context, { id: 'fault.invalid_integer' })
      return id ?? z.NEVER
    })
    .optional()
    .meta({ type: 'integer', minimum: 1 })

/** The number of a user written as we write it; undefined for anything else. */
export const userIdOf = (value: unknown): number | undefined =>
  typeof value === 'string' && /^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined

const MOMENT = z.iso.datetime({ offset: true })

/** A moment in ISO 8601 with its offset (RFC 3339 §5.6). */
export const moment = () =>
  z
    .unknown()
    .transform((value, context): Date => {
      // In a query a plus that is not escaped means a space.
      const text = typeof value === 'string' ? value.replace(/ (?=\d\d:\d\d$)/, '+') : value
      const parsed = MOMENT.safeParse(text)
      if (!parsed.success) refuse(context, { id: 'fault.invalid_moment' })
      return parsed.success ? new Date(parsed.data) : z.NEVER
    })
    .optional()
    .meta({ type: 'string', format: 'date-time', examples: ['2026-11-22T12:00:00Z'] })

export function refuse(context: z.RefinementCtx, { id, values }: Fault): void {
  context.addIssue({ code: 'custom', message: id, ...(values && { params: { ...values } }) })
}
