import { expect, it } from 'vitest'
import { scrape, TOKEN } from '../../../test/metrics.ts'
import { createWorld } from '../../../test/world.ts'

const settings = { METRICS_TOKEN: TOKEN }

it('counts requests by the pattern of their route, never by their path', async () => {
  const world = await createWorld({ settings })
  const user = await world.signedInUser()
  await world.call('GET', `/api/users/${user.id}/`, { token: user.access })
  await world.call('GET', '/nothing/here/')
  const { value, text } = await scrape(world)
  const requests = (route: string, method: string, status: string) =>
    value('latchkey_http_request_duration_seconds_count', { route, method, status })
  expect(requests('/api/users/:id/', 'GET', '200')).toBe(1)
  expect(requests('/api/token/', 'POST', '200')).toBe(1)
  expect(requests('none', 'GET', '404')).toBe(1)
  expect(text).not.toContain('nothing')
})

it('tells what runs, how passwords are hashed and how old the signing key is', async () => {
  const world = await createWorld({ settings })
  await world.signedInUser()
  const { value } = await scrape(world)
  expect(value('latchkey_build_info')).toBe(1)
  expect(value('latchkey_password_hashes_total')).toBe(2)
  expect(value('latchkey_password_hashes', { state: 'running' })).toBe(0)
  expect(value('latchkey_password_hash_seconds_total', { part: 'running' })).toBeGreaterThan(0)
  expect(value('latchkey_signing_key_age_seconds')).toBeGreaterThanOrEqual(0)
})
