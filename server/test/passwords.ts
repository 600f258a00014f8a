import type { Answer, SignedIn, World } from './world.ts'

export const NEW_PASSWORD = 'Better-Horse-8'

export const changePassword = (
  world: World,
  { access: token, password }: Pick<SignedIn, 'access' | 'password'>,
  newPassword = NEW_PASSWORD,
): Promise<Answer> =>
  world.call('POST', '/api/password/change/', {
    token,
    body: { current_password: password, new_password: newPassword },
  })

export const askForReset = (world: World, email: string, from?: string): Promise<Answer> =>
  world.call('POST', '/api/password/reset/', { body: { email }, ...(from === undefined ? {} : { from }) })

/** What a mail to set a password holds. */
export interface PasswordMail {
  readonly code: string
  /** What stands behind the `#` of its link. */
  readonly token: string
  readonly link: string
}

/** The mails to set a password that were sent to an address, newest first. */
export async function passwordMails(world: World, email: string): Promise<PasswordMail[]> {
  const mails = await world.inbox(email)
  return mails.flatMap(({ code, text }) => {
    const [link, token] = /http\S+\/password\/reset\/#([\w-]+)/.exec(text) ?? []
    return code === undefined || link === undefined || token === undefined ? [] : [{ code, token, link }]
  })
}

/** Asks for a reset and reads the mail. */
export async function resetMail(world: World, { email }: Pick<SignedIn, 'email'>): Promise<PasswordMail> {
  const asked = await askForReset(world, email)
  if (asked.status !== 202) throw new Error(`asking answered ${asked.status}: ${asked.text}`)
  const [mail] = await passwordMails(world, email)
  if (!mail) throw new Error(`no mail was sent to ${email}`)
  return mail
}

type Shown = { readonly token: string } | { readonly email: string; readonly code: string }

export const confirmReset = (world: World, shown: Shown, newPassword = NEW_PASSWORD): Promise<Answer> =>
  world.call('POST', '/api/password/reset/confirm/', { body: { ...shown, new_password: newPassword } })
