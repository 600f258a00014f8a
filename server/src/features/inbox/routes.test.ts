import { describe, expect, it } from 'vitest'
import { createInboxWorld } from '../../../test/inbox.ts'
import { listen, send } from '../../../test/raw.ts'
import { createWorld } from '../../../test/world.ts'
import { seconds } from '../../kernel/duration.ts'

describe('the local inbox as JSON', () => {
  it('shows what would have been sent, the newest first', async () => {
    const { clock, get, mailTo, smsTo } = await createInboxWorld()
    await mailTo('sara@example.com', '111111')
    clock.turn(seconds(1))
    await smsTo('+989123456789', '222222')
    const answer = await get('/dev/inbox/messages/')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({
      messages: [
        {
          code: '222222',
          channel: 'sms',
          to: '+989123456789',
          subject: null,
          text: 'کد 222222',
          html: null,
          sent_at: '2026-11-22T09:00:01.000Z',
        },
        {
          code: '111111',
          channel: 'email',
          to: 'sara@example.com',
          subject: 'Your code',
          text: 'Code 111111',
          html: '<p style="color:red">Hello</p>',
          sent_at: '2026-11-22T09:00:00.000Z',
        },
      ],
    })
  })

  it.each([
    ['sara@example.com', ['111111']],
    ['SARA@example.com', ['111111']],
    ['%2B989123456789', ['222222']],
    ['+989123456789', ['222222']],
    ['nobody@example.com', []],
    ['', ['222222', '111111']],
    ['a&to=b', ['222222', '111111']],
  ])('finds those to %j', async (to, codes) => {
    const { get, mailTo, smsTo } = await createInboxWorld()
    await mailTo('sara@example.com', '111111')
    await smsTo('+989123456789', '222222')
    const { messages } = (await get(`/dev/inbox/messages/?to=${to}`)).json<{ messages: { code: string }[] }>()
    expect(messages.map(({ code }) => code)).toEqual(codes)
  })
})

describe('the local inbox as a page', () => {
  it('is kind while there is nothing in it', async () => {
    const { get } = await createInboxWorld()
    const page = await get('/dev/inbox/')
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.body).toContain('Nothing yet; messages will show here.')
  })

  it('shows the code with the end of its life, and the mail in a frame that may open its links beside it and nothing else', async () => {
    const { get, mailTo } = await createInboxWorld()
    await mailTo('sara@example.com', '111111', '<script>alert(1)</script>')
    const { body } = await get('/dev/inbox')
    expect(body).toContain('<span class="digits">111111</span>')
    expect(body).toContain('datetime="2026-11-22T09:02:00.000Z"')
    expect(body).toContain('<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title=')
    expect(body).toContain('srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;"')
  })

  it('lets no text of a message become markup', async () => {
    const { get, smsTo, mailTo } = await createInboxWorld()
    await smsTo('"><img src=x>', '<b>1</b>')
    await mailTo('<i>@example.com', '222222', '"></iframe><img src=x onerror=alert(1)>')
    const { body } = await get('/dev/inbox/')
    for (const markup of ['<img', '<b>1', '<i>@']) expect(body).not.toContain(markup)
  })

  it('allows its own script and the styles on it by their hashes, and nothing else', async () => {
    const { get, mailTo } = await createInboxWorld()
    await mailTo('sara@example.com', '111111')
    const policy = String((await get('/dev/inbox/')).headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|\*|https?:/)
    expect(policy.match(/sha256-/g)).toHaveLength(3)
  })
})

describe('to whom it may not be shown', () => {
  it.each([
    ['a request through a proxy', { 'x-forwarded-for': '203.0.113.9' }],
    ['a name that is not local', { host: 'rebind.example.com' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
  ])('the inbox is not found: %s', async (_, headers) => {
    const { get, mailTo } = await createInboxWorld()
    await mailTo('sara@example.com', '111111')
    for (const path of ['/dev/inbox/', '/dev/inbox/messages/']) {
      const answer = await get(path, headers)
      expect(answer.statusCode).toBe(404)
      expect(answer.headers['content-type']).toContain('application/problem+json')
      expect(answer.body).not.toContain('111111')
    }
  })

  it('an origin that may call the API may not read the inbox either', async () => {
    const { get } = await createInboxWorld()
    const answer = await get('/dev/inbox/messages/', { origin: 'http://localhost:3000' })
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })

  it('the inbox is not found on a server with a public address', async () => {
    const { get } = await createInboxWorld('https://auth.example.com')
    expect((await get('/dev/inbox/')).statusCode).toBe(404)
  })
})

it('is not there for a proxy that passes requests on as HTTP/1.0', async () => {
  const port = await listen(await createWorld())
  const statusBy = async (version: string) =>
    (await send(port, `GET /dev/inbox/messages/ HTTP/${version}\r\nHost: localhost\r\nConnection: close\r\n\r\n`))[0]
      ?.status
  expect([await statusBy('1.1'), await statusBy('1.0')]).toEqual([200, 404])
})
