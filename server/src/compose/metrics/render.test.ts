import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { scrape, TOKEN } from '../../../test/metrics.ts'
import { createWorld } from '../../../test/world.ts'
import { renderMetricsPage } from './render.ts'

const page = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')
const explained = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!)
const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, block]) => parse(block!) as unknown)

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

describe('docs/metrics.md', () => {
  it('is what the table says (else: npm run generate)', async () => {
    expect(page).toBe(await renderMetricsPage())
  })

  it('explains every metric that is exposed, and no other', async () => {
    const world = await createWorld({ settings: { METRICS_TOKEN: TOKEN } })
    const { names } = await scrape(world)
    expect(names.toSorted()).toEqual(explained.toSorted())
  })

  it('has rules that ask only for what is exposed', () => {
    const [config, rules] = blocks as [object, Rules]
    expect(config).toHaveProperty('scrape_configs')
    const asked = rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => ({ alert, expr })))
    expect(asked.length).toBeGreaterThan(15)
    for (const { alert, expr } of asked) {
      const names = (expr.match(/latchkey_\w+/g) ?? []).map((name) => name.replace(/_(?:bucket|sum|count)$/, ''))
      expect(expr, alert).toMatch(/latchkey_|^up\{/)
      for (const name of names) expect(explained, alert).toContain(name)
    }
    expect(new Set(asked.map(({ alert }) => alert)).size).toBe(asked.length)
  })
})
