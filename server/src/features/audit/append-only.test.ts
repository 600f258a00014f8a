import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const SOURCE = join(import.meta.dirname, '../..')

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
)

const filesWith = (pattern: RegExp): string[] =>
  files.filter((path) => pattern.test(readFileSync(join(SOURCE, path), 'utf8'))).toSorted()

it('events are written in one place, and changed or removed by the chain’s own statements alone', () => {
  expect(filesWith(/insertInto\(\s*['"]auditEvents['"]/)).toEqual(['features/audit/store.ts'])
  expect(filesWith(/(?:updateTable|deleteFrom|mergeInto|replaceInto)\(\s*['"]audit/)).toEqual([
    'features/audit/chain-store.ts',
  ])
  // Written out, as a migration or a raw query would.
  expect(filesWith(/\b(?:update|delete\s+from|insert\s+into)\s+["`]?audit_/i)).toEqual([])
})

it('the chain’s own statements serve the sealer, its proof, retention and a change of the secret', () => {
  expect(filesWith(/from ['"].*\/chain-store\.ts['"]/)).toEqual(
    ['proof', 'rechain', 'retention', 'sealer'].map((name) => `features/audit/${name}.ts`),
  )
})
