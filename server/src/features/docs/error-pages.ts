import { Eta } from 'eta/core'
import { type Language } from '../../kernel/language.ts'
import { REFUSALS, type RefusalCode } from '../../kernel/refusal.ts'
import { translate } from '../../kernel/texts.ts'
import { plainPage } from './plain-page.ts'

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
const one = eta.compile(ONE)
const all = eta.compile(ALL)

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
  return plainPage(language, translate(language, `refusal.${code}.title`), content)
}

/** Every code, each with a link to its page. */
export function errorListPage(language: Language): string {
  const refusals = (Object.keys(REFUSALS) as RefusalCode[]).map((code) => ({
    code,
    status: REFUSALS[code],
    title: translate(language, `refusal.${code}.title`),
  }))
  const content = eta.render(all, { refusals, say: sayIn(language) })
  return plainPage(language, translate(language, 'page.errors.title'), content)
}
