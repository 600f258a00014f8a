import { expect } from 'vitest'
import type { World } from './world.ts'

/** What METRICS_TOKEN may be. */
export const TOKEN = 'x'.repeat(32)

type Labels = Readonly<Record<string, string>>

export interface Scrape {
  readonly text: string
  /** The names of all metrics, with or without a series. */
  readonly names: readonly string[]
  /** Of the one series with all these labels; undefined where there is none. */
  value(name: string, labels?: Labels): number | undefined
}

/** What Prometheus reads. */
export async function scrape(world: Pick<World, 'call'>): Promise<Scrape> {
  const { status, text } = await world.call('GET', '/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
  expect(status).toBe(200)
  const lines = text.split('\n')
  return {
    text,
    names: lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []),
    value(name, labels = {}) {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
      const found = lines.filter((line) => isOf(line, name) && wanted.every((pair) => line.includes(pair)))
      expect(found.length, found.join('\n')).toBeLessThan(2)
      return found[0] === undefined ? undefined : Number(found[0].split(' ').at(-1))
    },
  }
}

const isOf = (line: string, name: string): boolean => line.startsWith(`${name}{`) || line.startsWith(`${name} `)
