import { expect, it, type TestContext } from 'vitest'
import { open } from '../../../test/browser/open.ts'
import { change, me, undoTokensTo } from '../../../test/changes.ts'
import { succeeded, verifiedUser } from '../../../test/factors.ts'

/** The page that a notice's link opens, in a browser, and whose change it undoes. */
async function openLink(context: TestContext) {
  const opened = await open(context, '/account/undo/')
  const { page, world } = opened
  const user = await verifiedUser(world)
  succeeded(await change(world, user, { email: 'new@new.example' }))
  const [token] = await undoTokensTo(world, user.email)
  const address = page.url()
  const follow = () => page.goto(`${address}#${token}`)
  return { ...opened, user, token: token!, follow }
}

it('a link of a notice undoes the change with a click and not before, and its token leaves the address bar', async (context) => {
  const { page, world, complaints, user, token, follow } = await openLink(context)
  await follow()
  await page.getByText('If it was not you, undo it here').waitFor()
  expect(page.url()).not.toContain(token)
  expect(await me(world, user)).toMatchObject({ pending_email: 'new@new.example' })
  await page.getByRole('button', { name: 'Undo it' }).click()
  await page.getByText('It is undone.').waitFor()
  expect(await me(world, user)).toMatchObject({ pending_email: null, email: user.email })
  expect(await page.getByRole('button').isVisible()).toBe(false)
  expect(complaints).toEqual([])
})

it('a link that was used, and none at all, are told so', async (context) => {
  const { page, follow } = await openLink(context)
  await page.getByRole('button').click()
  await page.getByRole('status').getByText(/./).waitFor()
  await follow()
  await page.getByRole('button').click()
  await page.getByText('It is undone.').waitFor()
  await page.goto('about:blank')
  await follow()
  await page.getByRole('button').click()
  const told = page.getByRole('status').getByText('The link is wrong, expired or used up.')
  await told.waitFor()
  expect(await told.isVisible()).toBe(true)
})

it('speaks Persian from right to left to whoever wants it, and takes the link along', async (context) => {
  const { page, follow } = await openLink(context)
  await follow()
  await page.getByRole('link', { name: 'فارسی' }).click()
  await page.getByRole('button', { name: 'بازگرداندن' }).click()
  await page.getByText('بازگردانده شد.').waitFor()
  expect(await page.locator('html').getAttribute('dir')).toBe('rtl')
})
