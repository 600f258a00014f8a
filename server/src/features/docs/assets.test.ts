import { expect, it } from 'vitest'
import { asset, ASSETS } from './assets.ts'

it.each(ASSETS)('%s is one copy of bytes for all who ask, so that slow readers share it', async (name) => {
  const [one, other] = [await asset(name), await asset(name)]
  expect(one.body).toBeInstanceOf(Uint8Array)
  expect(one.body).toBe(other.body)
})
