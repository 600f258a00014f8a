import type { AddressInfo } from 'node:net'
import type { TestContext } from 'vitest'
import { openPage, type WatchedPage } from '../browser.ts'
import { createWorld, type World } from '../world.ts'

/** A page of the real app, which listens, in the machine's Chromium. */
export async function open(context: TestContext, path: string): Promise<WatchedPage & { readonly world: World }> {
  const world = await createWorld()
  const { app } = world.latchkey
  await app.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const watched = await openPage(context, origin)
  await watched.page.goto(`${origin}${path}`)
  return { ...watched, world }
}
