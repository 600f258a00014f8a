import { createHash } from 'node:crypto'
import { Eta } from 'eta/core'
import type { InboxMessage } from '../../ports/inbox/port.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5d6673; --page: #f2f4f7; --card: #fff; --code: #eef1f5; --line: #d9dee5; --sms: #dcf3e3 }
@media (prefers-color-scheme: dark) { :root { --ink: #f2f3f5; --faint: #a9afb8; --page: #15171a; --card: #22252a; --code: #2f343b; --line: #3a4048; --sms: #1f4a30 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px 16px 64px; max-width: 720px; font: 15px/1.6 system-ui, Tahoma, sans-serif; color: var(--ink); background: var(--page) }
h1 { margin: 0; font-size: 24px }
h2 { margin: 0; font-size: 16px; overflow-wrap: anywhere }
.faint { margin: 0; color: var(--faint) }
.empty { margin: 64px 0; text-align: center; font-size: 18px; color: var(--faint) }
article { margin-top: 24px; padding: 20px; border: 1px solid var(--line); border-radius: 10px; background: var(--card) }
.code { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; margin: 12px 0; padding: 8px 16px; border-radius: 8px; background: var(--code) }
.digits { font: bold 40px/1.3 Consolas, Menlo, monospace; letter-spacing: 4px; user-select: all }
.bubble { margin: 12px 0 0; padding: 10px 14px; width: fit-content; max-width: 100%; border-radius: 14px; background: var(--sms); white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext }
iframe { display: block; margin-top: 12px; width: 100%; height: 460px; border: 1px solid var(--line); border-radius: 8px }
pre { margin: 8px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext }
summary { margin-top: 12px; cursor: pointer; color: var(--faint) }
`

const SCRIPT = `
const now = () => performance.timeOrigin + performance.now()
function countDown() {
  for (const life of document.querySelectorAll('time[data-life]')) {
    const left = Math.ceil((Date.parse(life.dateTime) - now()) / 1000)
    const clock = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0')
    life.textContent = left > 0 ? 'valid for ' + clock : 'expired'
  }
}
async function look() {
  const answer = await fetch('/dev/inbox/messages/')
  const { messages } = await answer.json()
  const state = messages.length + ' ' + (messages[0]?.sent_at ?? '')
  if (state !== document.body.dataset.state) location.reload()
}
countDown()
setInterval(countDown, 1000)
setInterval(() => look().catch(() => {}), 2000)
`

const PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Local inbox</title>
<style>${STYLE}</style>
</head>
<body data-state="<%= it.state %>">
<header>
<h1>Local inbox</h1>
<p class="faint">Mails and text messages that stay on this machine while no gateway is set. Whoever reaches this port can read every code.</p>
</header>
<main>
<% if (it.messages.length === 0) { %>
<p class="empty">Nothing yet; messages will show here.</p>
<% } %>
<% for (const message of it.messages) { %>
<article>
<h2 dir="auto"><%= message.subject ?? 'Text message' %></h2>
<p class="faint"><%= message.channel === 'email' ? 'Mail' : 'SMS' %> to <bdi dir="ltr"><%= message.to %></bdi>, <time datetime="<%= message.sentAt.toISOString() %>"><%= message.sentAt.toISOString() %></time></p>
<% if (message.code !== undefined) { %>
<p class="code"><span class="digits"><%= message.code %></span> <% if (message.expiresAt) { %><time data-life datetime="<%= message.expiresAt.toISOString() %>">valid until <%= message.expiresAt.toISOString() %></time><% } %></p>
<% } %>
<% if (message.html === undefined) { %>
<p class="bubble" dir="auto"><%= message.text %></p>
<% } else { %>
<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail as its reader sees it" srcdoc="<%= message.html %>"></iframe>
<details><summary>Plain text</summary><pre dir="auto"><%= message.text %></pre></details>
<% } %>
</article>
<% } %>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`

const eta = new Eta()
const template = eta.compile(PAGE)

/** The inbox as a page. It counts codes down and loads itself anew when a message comes. */
export const renderPage = (messages: readonly InboxMessage[]): string =>
  eta.render(template, { messages, state: `${messages.length} ${messages[0]?.sentAt.toISOString() ?? ''}` })

/**
 * The page's policy: nothing but its own script and style, and the styles of the mails on it, each by its hash, since the
 * frames that show them live under the page's policy too (CSP3 §7.8). Whatever else a mail might hold stays dead.
 */
export function policyFor(messages: readonly InboxMessage[]): string {
  const styles = new Set([hashOf(STYLE), ...messages.flatMap(({ html }) => stylesIn(html ?? '')).map(hashOf)])
  return [
    "default-src 'none'",
    `script-src ${hashOf(SCRIPT)}`,
    `style-src 'unsafe-hashes' ${[...styles].join(' ')}`,
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

const STYLES = /<style>([^]*?)<\/style>|\sstyle="([^"]*)"/g

const stylesIn = (html: string): string[] =>
  [...html.matchAll(STYLES)].map(([, sheet, inline]) => sheet ?? inline ?? '')

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
