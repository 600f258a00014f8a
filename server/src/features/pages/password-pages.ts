import { contentOf, type Page } from './frame.ts'

/** Asks for the address a password was forgotten for. Says the same whether or not an account has it. */
export const FORGOTTEN_PAGE: Page = {
  title: 'page.forgotten.title',
  content: contentOf(`
<form hidden method="post" novalidate data-action="/api/password/reset/" data-failed="<%= it.say('page.failed') %>">
<p><%= it.say('page.forgotten.intro') %></p>
<label for="email"><%= it.say('page.email') %></label>
<input id="email" name="email" type="email" dir="ltr" autocomplete="username" required aria-describedby="email-faults">
<p class="faults" id="email-faults"></p>
<button><%= it.say('page.forgotten.button') %></button>
<p role="status"></p>
</form>
<div hidden data-done tabindex="-1">
<p><%= it.say('page.forgotten.done') %></p>
<p><a href="/password/reset/?language=<%= it.language %>"><%= it.say('page.forgotten.code') %></a></p>
</div>
`),
}

/** Takes a new password: with the token of the mail's link, or with the address and the code typed by hand. */
export const RESET_PAGE: Page = {
  title: 'page.reset.title',
  content: contentOf(`
<form hidden method="post" novalidate data-token data-action="/api/password/reset/confirm/" data-failed="<%= it.say('page.failed') %>">
<div data-without-token>
<p><%= it.say('page.reset.by_hand') %></p>
<label for="email"><%= it.say('page.email') %></label>
<input id="email" name="email" type="email" dir="ltr" autocomplete="username" required aria-describedby="email-faults">
<p class="faults" id="email-faults"></p>
<label for="code"><%= it.say('page.reset.code') %></label>
<input id="code" name="code" dir="ltr" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" required aria-describedby="code-faults">
<p class="faults" id="code-faults"></p>
</div>
<label for="new_password"><%= it.say('page.reset.new_password') %></label>
<input id="new_password" name="new_password" type="password" dir="ltr" autocomplete="new-password" required aria-describedby="new_password-faults">
<p class="faults" id="new_password-faults"></p>
<label class="choice"><input type="checkbox" data-shows="new_password"> <%= it.say('page.reset.show') %></label>
<p class="hint"><%= it.say('page.reset.hint') %></p>
<button><%= it.say('page.reset.button') %></button>
<p role="status"></p>
<p><a href="/password/forgotten/?language=<%= it.language %>"><%= it.say('page.reset.again') %></a></p>
</form>
<div hidden data-done tabindex="-1">
<p><%= it.say('page.reset.done') %></p>
</div>
`),
}
