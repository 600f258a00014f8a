import { describe, expect, it } from 'vitest'
import { passwordMails, askForReset, confirmReset } from '../../../test/passwords.ts'
import { createWorld, type World } from '../../../test/world.ts'

const PAGES = ['/password/forgotten/', '/password/reset/']

const open = (world: World, path: string, language = 'en') =>
  world.call('GET', path, { headers: { 'accept-language': language } })

describe.each(PAGES)('the page %s', (path) => {
  it('comes in English and in Persian, as the browser asks or as the reader chooses, each in its direction', async () => {
    const world = await createWorld()
    expect((await open(world, path)).text).toContain('<html lang="en" dir="ltr">')
    expect((await open(world, path, 'fa-IR,en;q=0.5')).text).toContain('<html lang="fa" dir="rtl">')
    const chosen = await open(world, `${path}?language=fa`)
    expect(chosen.text).toContain('<html lang="fa" dir="rtl">')
    expect(chosen.headers).toMatchObject({ 'content-language': 'fa', vary: expect.stringContaining('accept-language') })
    expect(chosen.text).toMatch(/href="\/password\/\w+\/\?language=fa"/)
    expect((await open(world, `${path}?language=xx`)).text).toContain('lang="en"')
    expect((await open(world, `${path}?language=fa&language=en`)).status).toBe(200)
  })

  it('names every field for those who do not see it, and says what is needed where there is no script', async () => {
    const world = await createWorld()
    const { text } = await open(world, path)
    const ids = [...text.matchAll(/<input id="(\w+)"/g)].map(([, id]) => id!)
    expect(ids.length).toBeGreaterThan(0)
    for (const id of ids) {
      expect(text).toContain(`<label for="${id}">`)
      expect(text).toContain(`aria-describedby="${id}-faults"`)
      expect(text).toContain(`id="${id}-faults"`)
    }
    expect(text).toMatch(/role="status"/)
    expect(text).toMatch(/<noscript><p>[^<]+<\/p><\/noscript>/)
    expect(text).toMatch(/<title>[^<]+ · Latchkey<\/title>/)
  })

  it('allows its one script and its one style, sets no cookie, is framed by nobody and leaves no trace', async () => {
    const world = await createWorld()
    const { headers, text } = await open(world, path)
    const csp = String(headers['content-security-policy'])
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "form-action 'none'"]) {
      expect(csp).toContain(rule)
    }
    expect(csp).not.toContain('unsafe')
    expect(text).not.toMatch(/<script>|\son\w+=|\sstyle=/)
    expect(headers['set-cookie']).toBeUndefined()
    expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
  })

  it('answers HEAD, and no POST: what does something is the API’s', async () => {
    const world = await createWorld()
    expect((await world.call('HEAD', path)).status).toBe(200)
    expect((await world.call('POST', path, { body: {} })).status).toBe(405)
  })
})

it('a mail scanner that opens the link, however often and by whatever method, uses nothing up and is told no token', async () => {
  const world = await createWorld()
  const user = await world.signedInUser()
  await askForReset(world, user.email)
  const [mail] = await passwordMails(world, user.email)
  // What a client sends of a link ends before its fragment.
  const { pathname, hash } = new URL(mail!.link)
  expect(hash).toBe(`#${mail!.token}`)
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'GET'] as const) {
    expect((await world.call(method, pathname)).text).not.toContain(mail!.token)
  }
  expect(world.logged()).not.toContain(mail!.token)
  expect((await confirmReset(world, { token: mail!.token })).status).toBe(204)
})

it('password managers are led from the well-known address to the page, and what should not be there is not', async () => {
  const world = await createWorld()
  const { status, headers } = await world.call('GET', '/.well-known/change-password')
  expect([status, headers['location']]).toEqual([302, '/password/forgotten/'])
  const absent = await world.call(
    'GET',
    '/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200',
  )
  expect(absent.status).toBe(404)
})

it('the name of the service is told as text, whatever it is', async () => {
  const world = await createWorld({ settings: { PRODUCT_NAME: 'Käse & <b>Co</b>' } })
  const { text } = await open(world, '/password/forgotten/')
  expect(text).toContain('Käse &amp; &lt;b&gt;Co&lt;/b&gt;')
  expect(text).not.toContain('<b>')
})

it('the script is one file of ours, of its own type', async () => {
  const world = await createWorld()
  const { status, headers } = await world.call('GET', '/pages/form.js')
  expect([status, headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8'])
})
