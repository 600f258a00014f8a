import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf } from './arrows.ts'
import { faultsOf, readTree } from './tidy.ts'

const ROOT = resolve(import.meta.dirname, '../..')

it('keeps the house in order', () => {
  expect(readTree(ROOT).flatMap(faultsOf)).toEqual([])
})

/** The faults of one planted file of the product. */
const plant = (path: string, text: string): string[] => faultsOf({ path: `server/src/${path}`, text })

describe('an arrow the house does not have is found', () => {
  const importing = (from: string, to: string): string[] => plant(from, `import { x } from '${to}'\n`)

  it.each([
    ['kernel/clock.ts', '../database/schema.ts'],
    ['kernel/clock.ts', 'node:fs'],
    ['kernel/clock.ts', 'fastify'],
    ['ports/mail/port.ts', '../sms/port.ts'],
    ['ports/mail/port.ts', 'nodemailer'],
    ['ports/mail/smtp.ts', '../../features/users/service.ts'],
    ['ports/mail/smtp.ts', '../sms/kavenegar.ts'],
    ['database/open.ts', '../http/problem.ts'],
    ['http/guard.ts', '../features/sessions/service.ts'],
    ['http/guard.ts', '../database/open.ts'],
    ['http/throttle.ts', '../ports/limiter/memory.ts'],
    ['features/users/service.ts', '../sessions/service.ts'],
    ['features/users/service.ts', '../passwords/hash.ts'],
    ['features/tokens/service.ts', '../passwords/service.ts'],
    ['features/tokens/service.ts', '../nameless/service.ts'],
    ['features/otp/service.ts', '../../ports/limiter/memory.ts'],
    ['features/otp/service.ts', '../../config.ts'],
    ['features/otp/service.ts', '../../compose.ts'],
    ['features/otp/service.ts', '../users/service.test.ts'],
    ['features/otp/service.ts', '../../../test/world.ts'],
    ['config.ts', './compose.ts'],
    ['compose.ts', './main.ts'],
    ['compose.ts', './commands/doctor.ts'],
    ['commands/doctor.ts', '../ports/mail/smtp.ts'],
    ['commands/users.ts', '../features/users/store.ts'],
    ['main.ts', './features/users/service.ts'],
    ['main.ts', './commands/doctor.ts'],
    ['compose.ts', './serve.ts'],
    ['serve.ts', './features/users/service.ts'],
    ['helpers.ts', './kernel/clock.ts'],
  ])('%s may not import %s', (from, to) => {
    expect(importing(from, to)).toHaveLength(1)
  })

  it.each([
    ['kernel/secret.ts', 'node:crypto'],
    ['kernel/address.ts', 'libphonenumber-js/max'],
    ['kernel/texts.ts', '../locales/en.json'],
    ['ports/mail/smtp.ts', 'nodemailer'],
    ['ports/mail/smtp.ts', './port.ts'],
    ['http/throttle.ts', '../ports/limiter/port.ts'],
    ['features/users/service.ts', '../passwords/service.ts'],
    ['features/users/routes.ts', './service.ts'],
    ['features/signin/service.ts', '../otp/service.ts'],
    ['features/users/store.ts', '../../database/schema.ts'],
    ['compose.ts', './ports/mail/smtp.ts'],
    ['commands/doctor.ts', '../compose.ts'],
    ['commands/users.ts', '../features/users/service.ts'],
    ['cli.ts', './commands/doctor.ts'],
    ['main.ts', './serve.ts'],
    ['serve.ts', './compose.ts'],
  ])('%s may import %s', (from, to) => {
    expect(importing(from, to)).toEqual([])
  })

  it('lets http have the types of the database and nothing else of it', () => {
    expect(plant('http/guard.ts', "import type { Database } from '../database/schema.ts'\n")).toEqual([])
  })

  it('sees every form of import, and none in a comment or in the text of another program', () => {
    const source = [
      "import './bare.ts'",
      "import type { A } from './type.ts'",
      "import b, {\n  c,\n  d as e,\n} from './lines.ts'",
      "import * as f from './star.ts'",
      "export { g } from './again.ts'",
      "export * from './all.ts'",
      "const h = await import('./later.ts')",
      "// import { i } from './comment.ts'",
      "/* import { j } from './block.ts' */",
      "const k = `\nimport { l } from './template.ts'\n`",
      "const m = 'https://example.com' // import('./tail.ts')",
    ].join('\n')
    const found = importsOf(source).map(({ specifier }) => specifier.slice(2, -3))
    expect(found).toEqual(['bare', 'type', 'lines', 'star', 'again', 'all', 'later'])
  })
})

describe('what a machine cannot judge later is forbidden outright', () => {
  it.each([
    'const now = Date.now()',
    'const now = new Date()',
    'const now = new Date( )',
    ['const now = `$', '{new Date().getTime()}`'].join(''),
    'const text = Date()',
    'const n = Math.random()',
    "import { randomBytes } from 'node:crypto'",
    'const id = crypto.randomUUID()',
    'crypto.getRandomValues(bytes)',
  ])('time or chance taken instead of given: %s', (line) => {
    expect(plant('features/otp/service.ts', line)).toHaveLength(1)
    expect(plant('features/otp/service.test.ts', line)).toHaveLength(1)
    expect(plant('kernel/chance.ts', line)).toEqual([])
  })

  it.each(['const then = new Date(now.getTime() + 5)', '// not Date.now(): the clock is given', 'type Made = Date'])(
    'but not: %s',
    (line) => {
      expect(plant('features/otp/service.ts', line)).toEqual([])
    },
  )

  it('the environment asked below the top', () => {
    expect(plant('features/otp/service.ts', 'const x = process.env.X')).toHaveLength(1)
    expect(plant('config.ts', 'const x = process.env.X')).toHaveLength(1)
    expect(plant('main.ts', 'const x = process.env.X')).toEqual([])
  })

  it('a file of more than 300 lines', () => {
    expect(plant('features/otp/service.ts', '\n'.repeat(301))).toHaveLength(1)
    expect(plant('features/otp/service.ts', '\n'.repeat(300))).toEqual([])
  })

  it('a barrel', () => {
    expect(plant('features/otp/index.ts', '')).toHaveLength(1)
  })

  it.each(['it', 'test', 'describe', 'it.concurrent'])('a test switched off: %s', (call) => {
    for (const how of ['only', 'skip', 'skipIf', 'todo']) {
      expect(plant('features/otp/service.test.ts', `${call}.${how}('works', () => {})`)).toHaveLength(1)
    }
    expect(plant('features/otp/service.test.ts', ['t', 'skip()'].join('.'))).toHaveLength(1)
    expect(plant('features/otp/service.test.ts', "t.skip('no browser here')")).toEqual([])
  })

  it('unfinished work and a path of somebody’s machine, in docs too', () => {
    const docs = (text: string): string[] => faultsOf({ path: 'docs/settings.md', text })
    for (const word of ['TO', 'FIX']) expect(docs(`${word}${word === 'TO' ? 'DO' : 'ME'}: later`)).toHaveLength(1)
    for (const folder of ['home', 'root', 'tmp'])
      expect(docs(`see ${['', folder, 'someone'].join('/')}`)).toHaveLength(1)
    expect(docs('mount /var/lib/latchkey, see https://example.com/home/page')).toEqual([])
  })
})
