import { expect, it } from 'vitest'
import { temporaryFolder } from '../../test/database.ts'
import { ready, startProcess } from '../../test/process.ts'

it('--no-worker sends nothing, and is refused where messages would land in this server’s own inbox', async () => {
  const without = startProcess(['cli.ts', 'serve', '--no-worker'])
  expect(await without.ended()).toBe(1)
  expect(without.err()).toContain('leave --no-worker out')
  const settings = {
    EMAIL_HOST: '127.0.0.1',
    EMAIL_PORT: '9',
    EMAIL_USE_TLS: 'false',
    EMAIL_FROM: 'a@example.com',
    SMS_WEBHOOK_URL: 'http://127.0.0.1:9/',
    SMS_WEBHOOK_SECRET: 'not-a-secret-at-all-but-long-enough',
  }
  const folder = temporaryFolder()
  const server = startProcess(['cli.ts', 'serve', '--json', '--no-worker'], { folder, settings })
  const { url } = await ready(server)
  const call = (path: string, body: object, token?: string) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    })
  const person = { email: 'sara@example.com', password: 'Correct-Horse-7' }
  await call('/api/users/', person)
  const { access } = (await (await call('/api/token/', person)).json()) as { access: string }
  expect((await call('/api/otp/send/', { email_or_phone: 'email' }, access)).status).toBe(200)
  const worker = startProcess(['cli.ts', 'worker'], { folder, settings })
  await worker.line(/"msg":"message queued"/)
  expect(server.out()).not.toContain('"msg":"message ')
  for (const each of [worker, server]) each.child.kill('SIGTERM')
  expect(await Promise.all([worker.ended(), server.ended()])).toEqual([0, 0])
})
