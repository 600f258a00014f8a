import { expect, it } from 'vitest'
import type { z } from 'zod'
import { refusals } from './openapi.ts'
import { serializerCompiler } from './validation.ts'

const compiled = (schema: z.ZodType | undefined) =>
  serializerCompiler({ schema: schema!, method: 'GET', url: '/', httpStatus: '400' })

it('what writes a refusal is compiled once, whatever it may refuse: else a start would take a quarter longer', () => {
  const once = compiled(refusals('invalid')[400])
  expect(compiled(refusals('invalid', 'undo_invalid')[400])).toBe(once)
  expect(compiled(refusals('not_found')[404])).toBe(once)
  const body = { type: '/errors/a/', title: 'A', detail: 'B', code: ['c'], request_id: 'd', email: ['taken'] }
  expect(JSON.parse(once(body))).toEqual(body)
})
