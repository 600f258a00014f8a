import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { systemRandom } from '../../kernel/random.ts'
import { importBreached } from './breached-import.ts'

const LEAKED = 'Leaked-Horse-7'

/** A server started on a data folder with a list of these passwords. */
async function worldWith(passwords: string): Promise<World> {
  const dataDir = temporaryFolder()
  const list = join(temporaryFolder(), 'list.txt')
  writeFileSync(list, passwords)
  await importBreached(join(dataDir, 'breached.filter'), [list], { wordsOnly: false, random: systemRandom })
  return createWorld({ settings: { ...UNLIMITED, DATA_DIR: dataDir }, compose: { inMemory: false } })
}

const REFUSED = ['This password is in a list of leaked passwords: whoever has the list will try it.']

it('a password of the list is refused at registration, change and reset, in the language asked for', async () => {
  const { call, signedInUser, codeTo } = await worldWith(LEAKED)
  const body = { email: 'sara@example.com', password: LEAKED }
  expect((await call('POST', '/api/users/', { body })).body.password).toEqual(REFUSED)
  const persian = await call('POST', '/api/users/', { body, headers: { 'accept-language': 'fa' } })
  expect([persian.status, persian.body.password]).toEqual([400, [expect.stringContaining('لورفته')]])

  const { access: token, email } = await signedInUser()
  const change = { current_password: PASSWORD, new_password: LEAKED }
  expect((await call('POST', '/api/password/change/', { token, body: change })).body.new_password).toEqual(REFUSED)

  await call('POST', '/api/password/reset/', { body: { email } })
  const reset = (new_password: string, code: string) =>
    call('POST', '/api/password/reset/confirm/', { body: { email, code, new_password } })
  const code = await codeTo(email)
  expect((await reset(LEAKED, code)).body.new_password).toEqual(REFUSED)
  expect((await reset('Other-Horse-7', code)).status).toBe(204)
})

it('whoever has such a password already signs in with it', async () => {
  const world = await worldWith(PASSWORD)
  const { passwords, foundation } = world.latchkey
  expect(
    (await world.call('POST', '/api/users/', { body: { email: 'a@example.com', password: PASSWORD } })).status,
  ).toBe(400)
  await world.call('POST', '/api/users/', { body: { email: 'sara@example.com', password: 'Other-Horse-7' } })
  const passwordHash = await passwords.hash(PASSWORD)
  await foundation.db.updateTable('users').set({ passwordHash }).execute()
  expect((await world.signIn({ email: 'sara@example.com', password: PASSWORD })).status).toBe(200)
})

it('a server does not start on a damaged list, and names it', async () => {
  const dataDir = temporaryFolder()
  writeFileSync(join(dataDir, 'breached.filter'), 'LKBREACH')
  const started = createWorld({ settings: { DATA_DIR: dataDir }, compose: { inMemory: false } })
  await expect(started).rejects.toThrow(/breached\.filter is damaged/)
})
