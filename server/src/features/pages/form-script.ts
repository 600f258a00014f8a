/**
 * What makes the forms of our pages work, served as a file of its own so that the pages allow no script but it. A form says
 * in attributes what it does: `data-action` where it is sent to as JSON; `data-token` that a token is expected behind the
 * address's `#`, which is sent along and taken out of the address bar at once, so that neither the history nor anyone who
 * looks over a shoulder keeps it. What stands in `data-without-token` is asked for where there is none.
 */
export const FORM_SCRIPT = `'use strict'
const form = document.querySelector('form')
const status = document.querySelector('[role=status]')
const token = form.dataset.token === undefined ? '' : location.hash.slice(1)
const inputs = () => [...form.querySelectorAll('input[name]')].filter((input) => input.closest('[hidden]') === null)

function takeToken() {
  if (token === '') return
  history.replaceState(null, '', location.pathname + location.search)
  // Hidden and not removed: a password manager keeps the new password under the name in it.
  for (const part of form.querySelectorAll('[data-without-token]')) part.hidden = true
}

// A link of another mail, opened in this very tab, changes nothing but what stands behind the mark.
addEventListener('hashchange', () => location.reload())

function keepTokenWhenLanguageChanges() {
  for (const link of document.querySelectorAll('a[hreflang]')) {
    link.addEventListener('click', (event) => {
      if (token === '') return
      event.preventDefault()
      location.replace(link.href + '#' + token)
    })
  }
}

function showFaults(input, faults) {
  const place = document.getElementById(input.id + '-faults')
  place.replaceChildren(...faults.map((fault) => Object.assign(document.createElement('span'), { textContent: fault })))
  if (faults.length > 0) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

/** A field's faults beside it, the first one in focus; what belongs to no field in the status. */
function showFailure(problem) {
  const faultsOf = (input) => (Array.isArray(problem[input.name]) ? problem[input.name] : [])
  for (const input of inputs()) showFaults(input, faultsOf(input))
  const first = inputs().find((input) => faultsOf(input).length > 0)
  if (first) first.focus()
  else status.textContent = problem.detail
}

function showDone() {
  const done = document.querySelector('[data-done]')
  form.hidden = true
  done.hidden = false
  done.focus()
}

async function send() {
  const members = Object.fromEntries(inputs().map((input) => [input.name, input.value]))
  const answer = await fetch(form.dataset.action, {
    method: 'POST',
    credentials: 'omit',
    headers: { 'content-type': 'application/json', 'accept-language': document.documentElement.lang },
    body: JSON.stringify(token === '' ? members : { ...members, token }),
  })
  if (answer.ok) showDone()
  else showFailure(await answer.json())
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const button = form.querySelector('button')
  status.textContent = ''
  button.disabled = true
  await send().catch(() => showFailure({ detail: form.dataset.failed }))
  button.disabled = false
})

for (const box of form.querySelectorAll('[data-shows]')) {
  box.addEventListener('change', () => {
    document.getElementById(box.dataset.shows).type = box.checked ? 'text' : 'password'
  })
}

takeToken()
keepTokenWhenLanguageChanges()
form.hidden = false
`
