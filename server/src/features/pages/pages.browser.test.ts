import type { Page } from 'playwright-core'
import { expect, it, type TestContext } from 'vitest'
import { open } from '../../../test/browser/open.ts'
import { NEW_PASSWORD, passwordMails, resetMail } from '../../../test/passwords.ts'

/** Of a browser's globals, what is asked for in one: Node's types do not know it. */
interface Browser {
  readonly localStorage: object
  readonly sessionStorage: object
  readonly document: { readonly cookie: string; readonly activeElement: { readonly id: string } | null }
}

const focused = (page: Page) => page.evaluate(() => (globalThis as unknown as Browser).document.activeElement?.id)

const kept = (page: Page) =>
  page.evaluate(() => {
    const { localStorage, sessionStorage, document } = globalThis as unknown as Browser
    return { ...localStorage, ...sessionStorage, ...(document.cookie && { cookie: document.cookie }) }
  })

/** The page that a reset's link opens, in a browser, and the user whose it is. */
async function openLink(context: TestContext) {
  const opened = await open(context, '/password/reset/')
  const { page, world } = opened
  const user = await world.signedInUser()
  const { token, code } = await resetMail(world, user)
  const address = page.url()
  const follow = () => page.goto(`${address}#${token}`)
  return { ...opened, user, token, code, follow }
}

it('a link of a mail sets a new password with one field and a click, and its token leaves the address bar', async (context) => {
  const { page, world, complaints, user, token, follow } = await openLink(context)
  await follow()
  await page.getByLabel('New password', { exact: true }).waitFor()
  expect(page.url()).not.toContain(token)
  expect(await page.getByLabel('E-mail address').isVisible()).toBe(false)
  await page.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD)
  await page.getByRole('button', { name: 'Set the new password' }).click()
  await page.getByText('Your new password is set').waitFor()
  expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
  expect(await kept(page)).toEqual({})
  expect(complaints).toEqual([])
})

it('a code is typed by hand where there is no token, with the keyboard alone', async (context) => {
  const { page, world, complaints, user, code } = await openLink(context)
  await page.getByLabel('E-mail address').focus()
  await page.keyboard.type(user.email)
  await page.keyboard.press('Tab')
  await page.keyboard.type(code.toLowerCase())
  await page.keyboard.press('Tab')
  await page.keyboard.type(NEW_PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByText('Your new password is set').waitFor()
  expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
  expect(complaints).toEqual([])
})

it('what is wrong stands beside its field, which takes the focus; what is wrong with the link stands below', async (context) => {
  const { page, follow, world } = await openLink(context)
  await follow()
  const field = page.getByLabel('New password', { exact: true })
  await field.fill('xqz')
  await page.getByRole('button').click()
  await page.getByText('This password must contain at least one upper-case letter.').waitFor()
  expect(await focused(page)).toBe('new_password')
  expect(await field.getAttribute('aria-invalid')).toBe('true')
  await world.latchkey.foundation.db.updateTable('passwordTokens').set({ consumedAt: world.clock.now() }).execute()
  await field.fill(NEW_PASSWORD)
  await page.getByRole('button').click()
  await page.getByRole('status').getByText('The code or link is wrong, expired or used up.').waitFor()
  expect(await page.getByText('upper-case letter').count()).toBe(0)
  expect(await field.getAttribute('aria-invalid')).toBeNull()
})

it('the token survives a change of language, and the answers come in the language of the page', async (context) => {
  const { page, complaints, token, follow } = await openLink(context)
  await follow()
  await page.getByRole('link', { name: 'فارسی' }).click()
  const field = page.getByLabel('گذرواژهٔ تازه', { exact: true })
  await field.waitFor()
  expect(page.url()).not.toContain(token)
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
  await field.fill(NEW_PASSWORD)
  await page.getByRole('button').click()
  await page.getByText('گذرواژهٔ تازه ثبت شد').waitFor()
  expect(complaints).toEqual([])
})

it('a password typed is hidden until its owner wants to see it', async (context) => {
  const { page } = await openLink(context)
  const field = page.getByLabel('New password', { exact: true })
  expect(await field.getAttribute('type')).toBe('password')
  await page.getByLabel('Show the password').check()
  expect(await field.getAttribute('type')).toBe('text')
})

it.for(['known', 'unknown'])(
  'whoever has forgotten a password is told the same: an address that is %s',
  async (kind, context) => {
    const { page, world, complaints } = await open(context, '/password/forgotten/')
    await world.signedInUser('known@example.com')
    await page.getByLabel('E-mail address').fill(`${kind}@example.com`)
    await page.getByRole('button', { name: 'Send the mail' }).click()
    await page.getByText('If there is an account with this address, a mail is on its way.').waitFor()
    expect(await passwordMails(world, `${kind}@example.com`)).toHaveLength(kind === 'known' ? 1 : 0)
    expect(complaints).toEqual([])
  },
)

it('the pages say so where the server cannot be reached', async (context) => {
  const { page, world } = await open(context, '/password/forgotten/')
  await world.latchkey.app.close()
  await page.getByLabel('E-mail address').fill('sara@example.com')
  await page.getByRole('button').click()
  const said = page.getByRole('status').getByText('The server could not be reached. Please try again.')
  await said.waitFor()
  expect(await page.getByRole('button').isEnabled()).toBe(true)
})
