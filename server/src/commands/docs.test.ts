import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { COMMANDS } from './all.ts'
import { commandHelp, overview } from './help.ts'

const page = readFileSync(new URL('../../../docs/command-line.md', import.meta.url), 'utf8')

const texts: readonly (readonly [string, string])[] = [
  ['the overview', overview(COMMANDS)],
  ...COMMANDS.map((command) => [`the help of ${command.name}`, commandHelp(command)] as const),
]

it.each(texts)('docs/command-line.md has %s word for word', (_, text) => {
  expect(page).toContain(`\`\`\`text\n${text}\n\`\`\`\n`)
})

it.each(texts)('%s fits in 100 columns', (_, text) => {
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100)
})
