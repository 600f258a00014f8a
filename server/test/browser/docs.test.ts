import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { PASSWORD } from '../world.ts'
import { open } from './open.ts'

/** Of a browser's globals, what is asked for in one: Node's types do not know it. */
interface Browser {
  readonly localStorage: object
  readonly sessionStorage: object
  readonly document: { readonly cookie: string }
}

/** Opens an operation in Swagger UI, sends it, and gives back the status and the body it shows. */
async function tryOut(page: Page, operation: string, body?: object) {
  const block = page.locator(`#operations-${operation}`)
  await block.locator('.opblock-summary-control').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  if (body) await block.locator('textarea').fill(JSON.stringify(body))
  await block.getByRole('button', { name: 'Execute' }).click()
  const answer = block.locator('.live-responses-table .response').first()
  const text = await answer.locator('.highlight-code code').first().textContent()
  return { status: await answer.locator('.response-col_status').innerText(), body: JSON.parse(text!) as object }
}

const kept = (page: Page) =>
  page.evaluate(() => {
    const { localStorage, sessionStorage, document } = globalThis as unknown as Browser
    return { ...localStorage, ...sessionStorage, ...(document.cookie && { cookie: document.cookie }) }
  })

it('Swagger UI tries operations, asks nothing of anyone else, breaks no policy and keeps no token', async (context) => {
  const { page, complaints } = await open(context, '/api/schema/ui/')
  const credentials = { email: 'sara@example.com', password: PASSWORD }

  const registered = await tryOut(page, 'Users-registerUser', credentials)
  expect(registered).toEqual({ status: '201', body: expect.objectContaining({ email: 'sara@example.com' }) })
  await page.locator('#operations-Users-registerUser').getByRole('tab', { name: 'Schema' }).first().click()
  const signedIn = await tryOut(page, 'Tokens-signIn', credentials)
  const { access } = signedIn.body as { access: string }

  await page.getByRole('button', { name: 'Authorize' }).click()
  const bearer = page.locator('.auth-container').filter({ hasText: 'bearer (http' })
  await bearer.locator('input').fill(access)
  await bearer.getByRole('button', { name: 'Apply credentials' }).click()
  await bearer.getByRole('button', { name: 'Close' }).click()
  const read = await tryOut(page, 'Users-readMe')
  expect(read).toEqual({ status: '200', body: expect.objectContaining({ email: 'sara@example.com' }) })

  expect(await kept(page)).toEqual({})
  expect(complaints).toEqual([])
})

it('ReDoc shows and searches the API, asks nothing of anyone else and breaks no policy', async (context) => {
  const { page, complaints } = await open(context, '/api/schema/redoc/')
  await page.getByRole('heading', { name: 'Send a code' }).waitFor()
  await page.getByPlaceholder('Search...').fill('successor')
  await page.locator('[data-role="search:results"]').getByText('Refresh').waitFor()
  expect(complaints).toEqual([])
})

for (const path of ['/api/schema/ui', '/api/schema/redoc', '/errors', '/errors/throttled']) {
  it(`${path} shows without its final slash too, and breaks no policy`, async (context) => {
    const { page, complaints } = await open(context, path)
    await page.getByRole('heading').first().waitFor()
    expect(complaints).toEqual([])
  })
}
