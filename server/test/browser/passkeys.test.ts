import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { CDPSession, Page } from 'playwright-core'
import { expect, it, type TestContext } from 'vitest'
import { openPage } from '../browser.ts'
import { candidate, turnOnTwoFactors, verifiedUser } from '../passkeys.ts'
import { readToken } from '../wire.ts'
import { createWorld } from '../world.ts'

const DOCS = readFileSync(join(import.meta.dirname, '../../../docs/flows/passkeys.md'), 'utf8')

/** The browser's part as the docs give it, word for word. */
const PAGE = `<!doctype html><title>Passkeys</title><script>
const SERVER = location.origin
${/```js\n([^]*?)```/.exec(DOCS)?.[1]}</script>`

/** Of a browser, what the tests use: Node's types do not know it. */
interface Browser {
  readonly passkey: (path: string, kind: 'create' | 'get', token?: string) => Promise<unknown>
  readonly navigator: { readonly credentials: { get(options: object): Promise<unknown> } }
}

/** The real server on localhost, a page of the test's own at its origin, and an authenticator in software in the browser. */
async function openWithAuthenticator(context: TestContext) {
  const world = await createWorld()
  const { app } = world.latchkey
  await app.listen({ host: '127.0.0.1', port: 0 })
  const origin = `http://localhost:${(app.server.address() as AddressInfo).port}`
  const { page, complaints } = await openPage(context, origin)
  await page.route(`${origin}/page-of-the-test`, (route) => route.fulfill({ contentType: 'text/html', body: PAGE }))
  await page.goto(`${origin}/page-of-the-test`)
  const devtools = await page.context().newCDPSession(page)
  return { world, page, complaints, devtools, authenticatorId: await addAuthenticator(devtools) }
}

async function addAuthenticator(devtools: CDPSession): Promise<string> {
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
    },
  })
  return authenticatorId
}

/** What the server answered, or the name of what the browser threw. */
// A test says what it expects of an answer and fails where it differs.
// oxlint-disable-next-line typescript/no-explicit-any
const ask = (page: Page, kind: 'create' | 'get', path: string, token?: string): Promise<any> =>
  page.evaluate(
    ([kind, path, token]) =>
      (globalThis as unknown as Browser)
        .passkey(path!, kind as 'create' | 'get', token)
        .catch((error: unknown) => (error as Error).name),
    [kind, path, token],
  )

it('a browser makes a passkey, signs in by it without an e-mail, and passes the second step', async (context) => {
  const { world, page, complaints, devtools, authenticatorId } = await openWithAuthenticator(context)
  const user = await verifiedUser(world)

  const made = await ask(page, 'create', '/api/passkeys/', user.access)
  expect(made).toMatchObject({ name: 'Chrome on Linux', transports: ['internal'], backed_up: false })
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: 'localhost', userName: user.email }])

  const signedIn = await ask(page, 'get', '/api/token/passkey/')
  expect(signedIn.email).toBe(user.email)
  expect(readToken(signedIn.access).payload).toMatchObject({ acr: 'aal2', amr: ['hwk', 'user', 'mfa'] })

  await turnOnTwoFactors(world, user)
  const stepped = await ask(page, 'get', '/api/passkeys/verify/', await candidate(world, user))
  expect(stepped.status).toBe('User has Verified')
  expect(readToken(stepped.access).payload).toMatchObject({ acr: 'aal2', amr: ['pwd', 'hwk', 'user', 'mfa'] })
  expect((await ask(page, 'get', '/api/token/passkey/')).email).toBe(user.email)
  expect(complaints).toEqual([])
})

it('a browser makes no second passkey where one is, and uses none when its user cancels or is not verified', async (context) => {
  const { world, page, devtools, authenticatorId } = await openWithAuthenticator(context)
  const user = await verifiedUser(world)
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  expect(await ask(page, 'create', '/api/passkeys/', user.access)).toBe('NotAllowedError')
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  expect((await ask(page, 'create', '/api/passkeys/', user.access)).id).toEqual(expect.any(String))
  expect(await ask(page, 'create', '/api/passkeys/', user.access)).toBe('InvalidStateError')
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  expect(await ask(page, 'get', '/api/token/passkey/')).toBe('NotAllowedError')
  // Nobody touches the authenticator, and the page gives up.
  await devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled: false })
  await page.evaluate(() => {
    const { credentials } = (globalThis as unknown as Browser).navigator
    const get = credentials.get.bind(credentials)
    credentials.get = (options) => {
      const stop = new AbortController()
      const asked = get({ ...options, signal: stop.signal })
      stop.abort()
      return asked
    }
  })
  expect(await ask(page, 'get', '/api/token/passkey/')).toBe('AbortError')
  expect((await world.call('GET', '/api/passkeys/', { token: user.access })).body.results).toHaveLength(1)
})

it('a passkey that was renamed goes on, one that was removed does not', async (context) => {
  const { world, page } = await openWithAuthenticator(context)
  const user = await verifiedUser(world)
  const { id } = await ask(page, 'create', '/api/passkeys/', user.access)
  const path = `/api/passkeys/${id}/`
  await world.call('PATCH', path, { token: user.access, body: { name: 'Test' } })
  expect((await ask(page, 'get', '/api/token/passkey/')).email).toBe(user.email)
  expect((await world.call('DELETE', path, { token: user.access })).status).toBe(204)
  expect((await ask(page, 'get', '/api/token/passkey/')).code).toBe('passkey_invalid')
})

it('a copy of a passkey is refused once both were used', async (context) => {
  const { world, page, devtools, authenticatorId } = await openWithAuthenticator(context)
  const user = await verifiedUser(world)
  await ask(page, 'create', '/api/passkeys/', user.access)
  await ask(page, 'get', '/api/token/passkey/')
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  await ask(page, 'get', '/api/token/passkey/')
  await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
  const copy = await addAuthenticator(devtools)
  await devtools.send('WebAuthn.addCredential', { authenticatorId: copy, credential: credentials[0]! })
  expect((await ask(page, 'get', '/api/token/passkey/')).code).toBe('passkey_invalid')
  const subjects = (await world.inbox(user.email)).map(({ subject }) => subject)
  expect(subjects).toContain('A passkey of your Latchkey account may have been copied')
})
