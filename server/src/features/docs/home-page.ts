import { Eta } from 'eta/core'
import type { Language } from '../../kernel/language.ts'
import { translate } from '../../kernel/texts.ts'
import { VERSION } from '../../kernel/version.ts'
import { plainPage } from './plain-page.ts'

const HOME = `
<p><%= it.say('page.home.intro') %></p>
<ul>
<% for (const { path, id } of it.links) { %>
<li><a href="<%= path %>"><%= it.say(id) %></a></li>
<% } %>
</ul>
`

const LINKS = [
  { path: '/api/schema/ui/', id: 'page.home.try' },
  { path: '/api/schema/redoc/', id: 'page.home.read' },
  { path: '/api/schema/', id: 'page.home.document' },
  { path: '/errors/', id: 'page.errors.title' },
  { path: '/readyz', id: 'page.home.ready' },
] as const

const eta = new Eta()
const home = eta.compile(HOME)

/** What whoever follows the bare address finds: where everything else is. */
export function homePage(language: Language): string {
  const say = (id: (typeof LINKS)[number]['id'] | 'page.home.intro') => translate(language, id)
  return plainPage(language, `Latchkey ${VERSION}`, eta.render(home, { links: LINKS, say }))
}
