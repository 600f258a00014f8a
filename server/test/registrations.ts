import { PASSWORD, type World } from './world.ts'

export const SARA = 'sara@example.com'

/** From somewhere, with some password of their own; else from one home, with one. */
export interface Someone {
  readonly from?: string
  readonly password?: string
}

export const askToRegister = (
  world: World,
  email = SARA,
  { from = '198.51.100.7', password = PASSWORD }: Someone = {},
) => world.call('POST', '/api/users/', { body: { email, password, first_name: 'Sara' }, from })

export const confirm = (world: World, code: unknown, email = SARA, from = '198.51.100.7') =>
  world.call('POST', '/api/users/confirm/', { body: { email, code }, from })

/** Who has an account, and by which e-mail. */
export const accounts = async ({ latchkey }: World): Promise<string[]> => {
  const users = await latchkey.foundation.db.selectFrom('users').select('email').orderBy('id').execute()
  return users.map(({ email }) => email)
}
