import { expect, it } from 'vitest'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { openMetrics } from './open.ts'
import { metricsPage } from './page.ts'

/** So many processes that answer for each other, as `WEB_CONCURRENCY` makes them. */
async function processes(count: number) {
  const answers: (() => Promise<object[]>)[] = []
  const siblings = {
    inbox: { tell: () => {}, hear: () => {} },
    metrics: {
      answerWith: (measure: () => Promise<object[]>) => void answers.push(measure),
      gather: async () => Promise.all(answers.map((measure) => measure())),
    },
  }
  const opened = []
  for (let each = 0; each < count; each++) {
    const metrics = await openMetrics(createTurnedClock())
    opened.push({ metrics, page: metricsPage(metrics, 'token', siblings)! })
  }
  return opened
}

it('counts of several processes are added up, whichever of them is asked', async () => {
  const [first, second] = await processes(2)
  for (const { metrics } of [first!, second!, second!]) {
    metrics.count('sign_in', { method: 'password', outcome: 'signed_in' })
    metrics.refused('throttled', 'over login')
  }
  for (const { page } of [first!, second!]) {
    const text = await page.text()
    expect(text).toContain('latchkey_sign_ins_total{method="password",outcome="signed_in"} 3')
    expect(text).toContain('latchkey_refusals_total{code="throttled",reason="over login"} 3')
    expect(text).toMatch(/latchkey_build_info\{[^}]*\} 1\n/)
  }
})

it('there is no page where no token is set', async () => {
  const metrics = await openMetrics(createTurnedClock())
  expect(metricsPage(metrics, undefined, undefined)).toBeUndefined()
})

it('reasons without end make no series without end', async () => {
  const [{ metrics, page }] = (await processes(1)) as [Awaited<ReturnType<typeof processes>>[number]]
  for (let each = 0; each < 1000; each++) metrics.refused('bad_request', `never the same ${each}`)
  const series = (await page.text()).split('\n').filter((line) => line.startsWith('latchkey_refusals_total{'))
  expect(series).toHaveLength(301)
  expect(series.at(-1)).toContain('reason="other"} 700')
})
