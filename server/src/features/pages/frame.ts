import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Eta } from 'eta/core'
import { type Language, LANGUAGES } from '../../kernel/language.ts'
import { type TextId, type TextValues, translate } from '../../kernel/texts.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5d6673; --page: #f2f4f7; --card: #fff; --line: #8b949f; --act: #1f5fbf; --on-act: #fff; --fault: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #f2f3f5; --faint: #a9afb8; --page: #15171a; --card: #22252a; --line: #737b86; --act: #8ab4f8; --on-act: #15171a; --fault: #ffb4ab } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 32px 16px; max-width: 480px; font: 17px/1.6 system-ui, Tahoma, sans-serif; color: var(--ink); background: var(--page) }
header { display: flex; justify-content: space-between; gap: 16px; margin-bottom: 16px; color: var(--faint) }
nav a { margin-inline-start: 12px }
a { color: var(--act) }
nav a[aria-current] { color: inherit; text-decoration: none }
main { padding: 24px; border-radius: 12px; background: var(--card) }
h1 { margin: 0 0 8px; font-size: 24px; line-height: 1.35 }
p { margin: 8px 0 }
label { display: block; margin-top: 16px; font-weight: 600 }
label.choice { display: flex; align-items: center; gap: 8px; margin-top: 8px; font-weight: 400 }
input:not([type=checkbox]) { display: block; width: 100%; margin-top: 4px; padding: 10px 12px; border: 1px solid var(--line); border-radius: 8px; font: inherit; color: inherit; background: var(--page) }
input[type=checkbox] { width: 18px; height: 18px; margin: 0 }
input[aria-invalid] { border-color: var(--fault) }
button { display: block; width: 100%; margin-top: 24px; padding: 12px; border: 0; border-radius: 8px; font: inherit; font-weight: 600; color: var(--on-act); background: var(--act); cursor: pointer }
button:disabled { opacity: 0.6 }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
[data-done]:focus { outline: none }
.hint { margin: 4px 0 0; font-size: 15px; color: var(--faint) }
.faults, [role=status] { color: var(--fault) }
.faults span { display: block }
[role=status]:empty, .faults:empty { margin: 0 }
`

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Our one script, our one style, and speech with this server alone; no form is sent but by the script. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const SCRIPT_PATH = '/pages/form.js'

const FRAME = `<!DOCTYPE html>
<html lang="<%= it.language %>" dir="<%= it.language === 'fa' ? 'rtl' : 'ltr' %>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><%= it.title %> · <%= it.productName %></title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<script src="${SCRIPT_PATH}" defer></script>
</head>
<body>
<header>
<span><bdi><%= it.productName %></bdi></span>
<nav aria-label="<%= it.say('page.languages') %>">
<% for (const { language, name } of it.languages) { %>
<a href="?language=<%= language %>" hreflang="<%= language %>" lang="<%= language %>"<% if (language === it.language) { %> aria-current="true"<% } %>><%= name %></a>
<% } %>
</nav>
</header>
<main>
<h1><%= it.title %></h1>
<noscript><p><%= it.say('page.no_script') %></p></noscript>
<%~ it.content %>
</main>
</body>
</html>
`

const NAMES: Readonly<Record<Language, string>> = { en: 'English', fa: 'فارسی' }

const eta = new Eta()
const frame = eta.compile(FRAME)

/** A text in the language of the page. */
export type Say = (id: TextId, values?: TextValues) => string

/** What a page says inside the frame. */
export interface Page {
  readonly title: TextId
  /** HTML with one form in it, hidden until the script is there, as `form-script.ts` wants it. */
  readonly content: (say: Say, language: Language) => string
}

/** Compiles a page's content (Eta), which is given `say`, and `language` for links to other pages. */
export function contentOf(template: string): Page['content'] {
  const compiled = eta.compile(template)
  return (say, language) => eta.render(compiled, { say, language })
}

/**
 * Sends a page in the language that `?language=` names, else the one the browser asks for. Without a cookie; the token that
 * may stand behind the address's `#` never comes here, so that GET and HEAD use nothing up, whoever opens the link.
 */
export function sendPage(productName: string, { title, content }: Page, request: FastifyRequest, reply: FastifyReply) {
  const language = chosenLanguage(request) ?? request.language()
  const say: Say = (id, values) => translate(language, id, values)
  const languages = LANGUAGES.map((language) => ({ language, name: NAMES[language] }))
  const filled = { title: say(title), content: content(say, language) }
  const html = eta.render(frame, { language, languages, productName, say, ...filled })
  return reply
    .header('content-security-policy', POLICY)
    .header('content-language', language)
    .header('vary', [reply.getHeader('vary'), 'accept-language'].filter(Boolean).join(', '))
    .type('text/html; charset=utf-8')
    .send(html)
}

function chosenLanguage({ query }: FastifyRequest): Language | undefined {
  const { language } = query as { readonly language?: unknown }
  return LANGUAGES.find((known) => known === language)
}
