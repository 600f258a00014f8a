import { contentOf, type Page } from './frame.ts'

/** Undoes a change of e-mail or phone with the token of a notice's link, once its reader says so. */
export const UNDO_PAGE: Page = {
  title: 'page.undo.title',
  content: contentOf(`
<form hidden method="post" novalidate data-token data-action="/api/account/undo/" data-failed="<%= it.say('page.failed') %>">
<p><%= it.say('page.undo.intro') %></p>
<ul>
<li><%= it.say('page.undo.waiting') %></li>
<li><%= it.say('page.undo.made') %></li>
</ul>
<button><%= it.say('page.undo.button') %></button>
<p role="status"></p>
</form>
<div hidden data-done tabindex="-1">
<p><%= it.say('page.undo.done') %></p>
<p><a href="/password/forgotten/?language=<%= it.language %>"><%= it.say('page.undo.password') %></a></p>
</div>
`),
}
