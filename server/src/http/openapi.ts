import { z } from 'zod'
import { REFUSALS, type RefusalCode } from '../kernel/refusal.ts'

/** The body of a failure that can have one of these codes: an RFC 9457 problem with DRF's members as extensions. */
const problem = (codes: readonly RefusalCode[]) =>
  z.looseObject({
    type: z.url().meta({ description: 'The page that explains the code.' }),
    title: z.string(),
    detail: z.string(),
    code: z.union([z.enum(codes as [RefusalCode, ...RefusalCode[]]), z.array(z.string())]),
    request_id: z.string().meta({ description: 'Name it when you ask the operator: the log has it.' }),
  })

/** The refusals of an operation, for its `response`: one problem a status, naming the codes it can carry. */
export function refusals(...codes: readonly RefusalCode[]): Record<number, z.ZodType> {
  const byStatus: Record<number, z.ZodType> = {}
  for (const code of codes) {
    const status = REFUSALS[code]
    byStatus[status] ??= problem(codes.filter((other) => REFUSALS[other] === status))
  }
  return byStatus
}
