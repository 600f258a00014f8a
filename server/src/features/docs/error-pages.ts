import { createHash } from 'node:crypto'
import { Eta } from 'eta/core'
import { type Language } from '../../kernel/language.ts'
import { REFUSALS, type RefusalCode } from '../../kernel/refusal.ts'
import { translate } from '../../kernel/texts.ts'
import { policy } from './pages.ts'

const STYLE = `
:root { color-scheme: light dark }
body { margin: 0 auto; padding: 48px 16px; max-width: 640px; font: 17px/1.7 system-ui, Tahoma, sans-serif }
h1 { margin: 0 0 8px; font-size: 28px; line-height: 1.3 }
h2 { margin: 32px 0 0; font-size: 18px }
p { margin: 4px 0 }
code { font: 15px/1.5 Consolas, Menlo, monospace }
li { margin: 8px 0 }
`

export const ERROR_POLICY = policy(
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
)

const PAGE = `<!DOCTYPE html>
<html lang="<%= it.language %>" dir="<%= it.language === 'fa' ? 'rtl' : 'ltr' %>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><%= it.title %></title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1><%= it.title %></h1>
<%~ it.content %>
</main>
</body>
</html>
`

const ONE = `
<p><bdi dir="ltr"><code><%= it.code %></code></bdi> · HTTP <bdi dir="ltr"><%= it.status %></bdi></p>
<h2><%= it.say('page.error.meaning') %></h2>
<p><%= it.meaning %></p>
<h2><%= it.say('page.error.advice') %></h2>
<p><%= it.help %></p>
<p><a href="/errors/"><%= it.say('page.errors.title') %></a></p>
`

const ALL = `
<p><%= it.say('page.errors.intro') %></p>
<ul>
<% for (const { code, status, title } of it.refusals) { %>
<li><a href="/errors/<%= code %>/"><%= title %></a>: <bdi dir="ltr"><code><%= code %></code></bdi>, <bdi dir="ltr"><%= status %></bdi></li>
<% } %>
</ul>
`

const eta = new Eta()
const [page, one, all] = [PAGE, ONE, ALL].map((template) => eta.compile(template)) as [Template, Template, Template]
type Template = ReturnType<Eta['compile']>

export const isCode = (text: string): text is RefusalCode => Object.hasOwn(REFUSALS, text)

type PageText = 'page.error.meaning' | 'page.error.advice' | 'page.errors.title' | 'page.errors.intro'

const sayIn = (language: Language) => (id: PageText) => translate(language, id)

/** What a code means and what to do about it, for whoever follows a problem's `type`. */
export function errorPage(language: Language, code: RefusalCode): string {
  const content = eta.render(one, {
    code,
    status: REFUSALS[code],
    meaning: translate(language, `refusal.${code}.detail`),
    help: translate(language, `refusal.${code}.help`),
    say: sayIn(language),
  })
  return eta.render(page, { language, title: translate(language, `refusal.${code}.title`), content })
}

/** Every code, each with a link to its page. */
export function errorListPage(language: Language): string {
  const refusals = (Object.keys(REFUSALS) as RefusalCode[]).map((code) => ({
    code,
    status: REFUSALS[code],
    title: translate(language, `refusal.${code}.title`),
  }))
  const content = eta.render(all, { refusals, say: sayIn(language) })
  return eta.render(page, { language, title: translate(language, 'page.errors.title'), content })
}
