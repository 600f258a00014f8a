import { expect, it } from 'vitest'
import { KEYED_OPERATIONS } from '../../../test/keyed-operations.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, PASSWORD } from '../../../test/world.ts'

const KEY = 'canary-of-a-key'

const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]+/
const SIX_DIGITS = /\b\d{6}\b/

it('keeps no token, no code, no password and no key, and what it keeps is sealed', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const kept: string[] = []
  for (const [index, { prepare }] of KEYED_OPERATIONS.entries()) {
    const act = await prepare(world)
    await act(`${KEY}-${index}`)
    const again = await act(`${KEY}-${index}`)
    expect(again.headers['idempotent-replayed']).toBe('true')
    kept.push(again.text)
  }
  const codes = (await world.inbox()).flatMap(({ code }) => code ?? [])
  expect(codes.length).toBeGreaterThan(5)
  for (const text of kept) {
    for (const secret of [...codes, PASSWORD, KEY]) expect(text).not.toContain(secret)
    expect(text).not.toMatch(JWT)
    expect(text).not.toMatch(SIX_DIGITS)
  }

  const rows = await world.latchkey.foundation.db.selectFrom('idempotentAnswers').selectAll().execute()
  expect(rows).toHaveLength(KEYED_OPERATIONS.length)
  const stored = rows
    .flatMap((row) => Object.values(row))
    .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)))
    .join('\n')
  for (const secret of [...codes, PASSWORD, KEY, 'example.com', '"status"', 'POST', '127.0.0.1'])
    expect(stored).not.toContain(secret)
  expect(world.logged()).not.toContain(KEY)
})
