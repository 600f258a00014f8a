import { expect, it } from 'vitest'
import { open } from './open.ts'

it('a code that was asked for shows in the inbox by itself, and the page breaks no policy', async (context) => {
  const { world, page, complaints } = await open(context, '/dev/inbox/')
  await page.getByText('Nothing yet; messages will show here.').waitFor()
  const user = await world.signedInUser()
  await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
  const code = await world.codeTo(user.email)
  await page.locator('.digits', { hasText: code }).waitFor()
  await page.frameLocator('iframe').getByText('Your verification code').waitFor()
  expect(complaints).toEqual([])
})
