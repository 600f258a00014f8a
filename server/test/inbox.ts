import { pino } from 'pino'
import { inboxRoutes } from '../src/features/inbox/routes.ts'
import { createServer } from '../src/http/server.ts'
import type { Phone } from '../src/kernel/address.ts'
import { after, minutes } from '../src/kernel/duration.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { createLocalInbox } from '../src/ports/inbox/memory.ts'
import { createTurnedClock } from './turned-clock.ts'

/** The real server with the local inbox alone on it, and a hand to put messages there. */
export async function createInboxWorld(publicUrl?: string) {
  const clock = createTurnedClock()
  const inbox = createLocalInbox({ clock })
  const { app } = await createServer({
    logger: pino({ level: 'silent' }),
    random: systemRandom,
    trustedProxies: [],
    corsOrigins: ['*'],
    https: false,
    urls: { publicUrl, allowedHosts: [], localUrl: () => 'http://localhost:8000' },
    defaultLanguage: 'en',
  })
  inboxRoutes(app, { inbox, rules: { publicUrl, trustedProxies: [] } })
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { host: 'localhost:8000', ...headers } })
  const expiresAt = after(clock.now(), minutes(2))
  const mailTo = (to: string, code: string, html = '<p style="color:red">Hello</p>') =>
    inbox.mail.send({ id: code, to, subject: 'Your code', text: `Code ${code}`, html, code, expiresAt })
  const smsTo = (to: string, code: string) =>
    inbox.sms.send({ id: code, to: to as Phone, text: `کد ${code}`, template: 'x', language: 'fa', code, expiresAt })
  return { app, clock, get, mailTo, smsTo }
}
