import { createHash } from 'node:crypto'
import { Eta } from 'eta/core'
import type { Language } from '../../kernel/language.ts'
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

/** What a plain page may load: its one style, and nothing else. */
export const PLAIN_POLICY = policy(
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

const eta = new Eta()
const page = eta.compile(PAGE)

/** A page of text alone, in its language's direction. The title is escaped, the content is HTML already. */
export const plainPage = (language: Language, title: string, content: string): string =>
  eta.render(page, { language, title, content })
