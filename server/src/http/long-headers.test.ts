import { expect, it } from 'vitest'
import { createWorld } from '../../test/world.ts'

// More than a request may have, so that what grows with the square of a header's length shows beyond doubt.
const FILLINGS = { space: ' ', tab: '\t', semicolon: ';', comma: ',', equals: '=', quote: '"' }
const LENGTH = 300_000

it.each([
  ['accept', 'GET', '/api/schema/', 'application/json'],
  ['accept-language', 'GET', '/errors/', 'en'],
  ['if-none-match', 'GET', '/api/schema/', '"a"'],
  ['authorization', 'GET', '/api/users/me/', 'Bearer a'],
  ['content-type', 'POST', '/api/token/refresh/', 'application/json'],
  ['content-type', 'POST', '/api/token/refresh/', 'application/json; charset=utf-8'],
  ['content-encoding', 'POST', '/api/token/refresh/', 'gzip'],
] as const)('spends no time on an %s that never ends (%s %s, %s …)', async (name, method, path, start) => {
  const world = await createWorld()
  const { app } = world.latchkey
  for (const filling of Object.values(FILLINGS)) {
    const headers = { 'content-type': 'application/json', [name]: `${start}${filling.repeat(LENGTH)}!` }
    const payload = method === 'POST' ? { payload: '{}' } : {}
    const began = performance.now()
    await app.inject({ method, url: path, headers, ...payload })
    expect(performance.now() - began).toBeLessThan(1000)
  }
})
