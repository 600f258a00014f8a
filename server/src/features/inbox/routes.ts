import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { App } from '../../http/server.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { Inbox, InboxMessage } from '../../ports/inbox/port.ts'
import { policyFor, renderPage } from './page.ts'
import { isInboxVisible, type InboxRules } from './visibility.ts'

interface InboxDeps {
  readonly inbox: Inbox
  readonly rules: InboxRules
}

const row = z.object({
  code: z.string().nullable(),
  channel: z.enum(['email', 'sms']),
  to: z.string(),
  subject: z.string().nullable(),
  text: z.string(),
  html: z.string().nullable(),
  sent_at: z.string(),
})

/** The local inbox, as a page and as JSON: for development and tests. To whoever may not see it, it is not there. */
export function inboxRoutes(app: App, { inbox, rules }: InboxDeps): void {
  const config = { access: { who: 'public', unthrottled: true } } as const
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    requireVisible(rules, request)
    // Origins allowed to call the API may still not read codes here.
    void reply.removeHeader('access-control-allow-origin')
  }

  app.get('/dev/inbox/', { config, onRequest, schema: { hide: true } }, async (_, reply) => {
    const messages = inbox.messages()
    return reply
      .header('content-security-policy', policyFor(messages))
      .type('text/html; charset=utf-8')
      .send(renderPage(messages))
  })

  app.get(
    '/dev/inbox/messages/',
    {
      config,
      onRequest,
      schema: {
        hide: true,
        querystring: z.object({ to: z.string().optional().catch(undefined) }),
        response: { 200: z.object({ messages: z.array(row) }) },
      },
    },
    async ({ query: { to } }) => ({ messages: inbox.messages(addressIn(to)).map(toRow) }),
  )
}

function requireVisible(rules: InboxRules, { socket, raw, headers }: FastifyRequest): void {
  const isVisible = isInboxVisible(rules, { peer: socket.remoteAddress, httpVersion: raw.httpVersion, headers })
  if (!isVisible) throw new Refusal('not_found', 'the inbox is for this machine alone')
}

/** A query's `+98912…` arrives with a space in front unless its plus sign was escaped; we are kind about it. */
const addressIn = (to: string | undefined): string | undefined => (to ? to.replace(/^ (?=\d)/, '+') : undefined)

const toRow = ({ code, channel, to, subject, text, html, sentAt }: InboxMessage): z.infer<typeof row> => ({
  code: code ?? null,
  channel,
  to,
  subject: subject ?? null,
  text,
  html: html ?? null,
  sent_at: sentAt.toISOString(),
})
