import type { AddressInfo } from 'node:net'
import { expect, it, type TestContext } from 'vitest'
import { openPage } from '../../../test/browser.ts'
import { createInboxWorld } from '../../../test/inbox.ts'

async function openInbox(context: TestContext) {
  const world = await createInboxWorld()
  context.onTestFinished(() => world.app.close())
  await world.app.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://127.0.0.1:${(world.app.server.address() as AddressInfo).port}`
  const { page, complaints } = await openPage(context, origin)
  await page.goto(`${origin}/dev/inbox/`)
  return { ...world, page, complaints }
}

/** Of a browser's globals, what is asked for in one: Node's types do not know it. */
interface Browser {
  getComputedStyle(element: unknown): { readonly color: string }
}

it('a message shows by itself, with its code counted down, and nothing on the page breaks its policy', async (context) => {
  const { page, complaints, mailTo, smsTo } = await openInbox(context)
  await page.getByText('Nothing yet; messages will show here.').waitFor()
  await smsTo('+989123456789', '222222')
  await mailTo('sara@example.com', '111111', '<p style="color:rgb(1, 2, 3)">Hello</p>')
  await page.locator('.digits', { hasText: '111111' }).waitFor()
  // The world's clock stands in another year than the browser's: no code lives.
  await page.getByText('expired').first().waitFor()
  const greeting = page.frameLocator('iframe').getByText('Hello')
  expect(await greeting.evaluate((element) => (globalThis as unknown as Browser).getComputedStyle(element).color)).toBe(
    'rgb(1, 2, 3)',
  )
  expect(complaints).toEqual([])
})

it('a link in a mail opens beside the inbox, free of its frame', async (context) => {
  const { page, mailTo } = await openInbox(context)
  const link = page.url().replace('/dev/inbox/', '/dev/inbox/messages/')
  await mailTo('sara@example.com', 'K7QJX2MNVPTA', `<a target="_blank" rel="noopener" href="${link}#secret">Open</a>`)
  const opened = page.context().waitForEvent('page')
  await page.frameLocator('iframe').getByText('Open').click()
  const beside = await opened
  await beside.waitForLoadState()
  expect(beside.url()).toBe(`${link}#secret`)
  expect(await beside.evaluate('window.opener === null && window.origin !== "null"')).toBe(true)
})

it('what a mail might try to run or fetch stays dead', async (context) => {
  const { page, complaints, mailTo } = await openInbox(context)
  await mailTo(
    'sara@example.com',
    '111111',
    '<p>Hello</p><script>parent.alert(1)</script><img src="https://evil.example/x">',
  )
  await page.frameLocator('iframe').getByText('Hello').waitFor()
  expect(complaints.filter((line) => line.startsWith('foreign'))).toEqual([])
  expect(complaints.join('\n')).toMatch(/Blocked script execution|Content Security Policy/)
})
