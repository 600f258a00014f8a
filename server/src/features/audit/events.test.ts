import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { EVENT_TYPES } from './event.ts'

const page = readFileSync(new URL('../../../../docs/audit.md', import.meta.url), 'utf8')

it('docs/audit.md tells of every event, in the order of the code, and of none that is not', () => {
  const told = [...page.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, type]) => type)
  expect(told).toEqual([...EVENT_TYPES])
})
