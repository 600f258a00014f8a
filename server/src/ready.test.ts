import { describe, expect, it } from 'vitest'
import { readConfig } from './config.ts'
import { readyText, type ReadyFacts } from './ready.ts'

const { missingForProduction, warnings } = readConfig({ TRUSTED_PROXIES: '10.0.0.1' })

const firstStart: ReadyFacts = {
  version: '1.2.3',
  url: 'http://localhost:8000',
  databasePath: '/srv/latchkey/data/latchkey.db',
  keysPath: '/srv/latchkey/data/keys.json',
  secretPath: '/srv/latchkey/data/secret.key',
  inboxFor: ['mails', 'text messages'],
  firstAdmin: 'latchkey create-admin --email you@example.com',
  warnings,
  missingForProduction,
}

const inProduction: ReadyFacts = {
  ...firstStart,
  url: 'https://auth.example.com',
  secretPath: undefined,
  inboxFor: [],
  firstAdmin: undefined,
  warnings: [],
  missingForProduction: [],
}

const fieldsOf = (facts: ReadyFacts) => JSON.parse(readyText(facts, false)) as Record<string, unknown>

describe('a server that is ready', () => {
  it('tells a person where everything is and what to do next', () => {
    expect(readyText(firstStart, true)).toBe(`
Latchkey 1.2.3 answers at http://localhost:8000

  Docs    http://localhost:8000/api/schema/ui/
  Inbox   http://localhost:8000/dev/inbox/
  Health  http://localhost:8000/healthz
  Data    /srv/latchkey/data/latchkey.db
  Keys    /srv/latchkey/data/keys.json
  Secret  /srv/latchkey/data/secret.key

No admin yet. The first one is made by:
  latchkey create-admin --email you@example.com

Without a gateway mails and text messages land in the inbox: whoever reaches this port can read every code.

Most likely not meant:
  ${warnings.map(({ setting, message }) => `${setting} ${message}`).join('\n  ')}

Not fit for production yet:
  ${missingForProduction.map(({ setting, message }) => `${setting} ${message}`).join('\n  ')}
`)
  })

  it('tells no more than there is', () => {
    expect(readyText(inProduction, true)).toBe(`
Latchkey 1.2.3 answers at https://auth.example.com

  Docs    https://auth.example.com/api/schema/ui/
  Health  https://auth.example.com/healthz
  Data    /srv/latchkey/data/latchkey.db
  Keys    /srv/latchkey/data/keys.json
  Secret  SECRET_KEY
`)
  })

  it.each([
    ['first', firstStart],
    ['production', inProduction],
  ])('tells a program the same in one line of JSON (%s)', (_, facts) => {
    const line = readyText(facts, false)
    expect(line.trimEnd()).not.toContain('\n')
    for (const said of Object.values(fieldsOf(facts)).flat())
      if (said !== 'ready') expect(readyText(facts, true)).toContain(said)
  })

  it('leaves out of the JSON what there is not', () => {
    expect(Object.keys(fieldsOf(inProduction))).not.toContain('inbox')
    expect(Object.keys(fieldsOf(inProduction))).not.toContain('first_admin')
    expect(fieldsOf(inProduction)).toMatchObject({ warnings: [], missing_for_production: [], secret: 'SECRET_KEY' })
  })
})
