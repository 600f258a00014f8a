import type { App } from '../../http/server.ts'
import { FORM_SCRIPT } from './form-script.ts'
import { type Page, SCRIPT_PATH, sendPage } from './frame.ts'
import { FORGOTTEN_PAGE, RESET_PAGE } from './password-pages.ts'
import { UNDO_PAGE } from './undo-page.ts'

export interface PageDeps {
  readonly productName: string
}

/** What a person opens from a mail or a browser. Each does its work through the API, by one script. */
const PAGES: Readonly<Record<string, Page>> = {
  '/password/forgotten/': FORGOTTEN_PAGE,
  '/password/reset/': RESET_PAGE,
  '/account/undo/': UNDO_PAGE,
}

const config = { access: { who: 'public', unthrottled: true } } as const
const schema = { hide: true }

export function pageRoutes(app: App, { productName }: PageDeps): void {
  for (const [path, page] of Object.entries(PAGES)) {
    app.get(path, { config, schema }, async (request, reply) => sendPage(productName, page, request, reply))
  }
  app.get(SCRIPT_PATH, { config, schema }, async (_, reply) =>
    reply.type('text/javascript; charset=utf-8').send(FORM_SCRIPT),
  )
  // Where password managers lead people (W3C, A Well-Known URL for Changing Passwords).
  app.get('/.well-known/change-password', { config, schema }, async (_, reply) =>
    reply.redirect('/password/forgotten/', 302),
  )
}
