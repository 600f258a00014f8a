import { expect, it } from 'vitest'
import { createWorld, PASSWORD } from '../../test/world.ts'
import { anyCode, sixDigits } from './fields.ts'

const SPOOF = 'user\u202egnp.exe'
const ENGLISH = 'Control characters and invisible characters that hide or turn text around are not allowed.'

it('a name that hides or turns text around is a fault of its field, at registration and later, in the language asked for', async () => {
  const world = await createWorld()
  const body = { email: 'sara@example.com', password: PASSWORD, first_name: SPOOF, last_name: 'Ka\u200brimi' }
  const refused = await world.call('POST', '/api/users/', { body })
  expect([refused.status, refused.body.first_name, refused.body.last_name]).toEqual([400, [ENGLISH], [ENGLISH]])
  const { access: token, id } = await world.signedInUser()
  for (const method of ['PATCH', 'PUT'] as const) {
    const headers = { 'accept-language': 'fa' }
    const changed = { email: 'user1@example.com', last_name: 'a\nb' }
    const answer = await world.call(method, `/api/users/${id}/`, { token, headers, body: changed })
    expect([answer.status, answer.body.last_name]).toEqual([400, [expect.stringContaining('نویسه‌های کنترلی')]])
  }
})

it('a Persian name with its joiner is kept as it was sent', async () => {
  const world = await createWorld()
  const { access: token } = await world.signedInUser()
  const body = { first_name: 'علی\u200cرضا', last_name: '\u200eJones\u200f' }
  expect((await world.call('PATCH', '/api/users/me/', { token, body })).body).toMatchObject(body)
})

it('a code is read whatever was copied along with it', () => {
  for (const unseen of ['\u202a', '\u202c', '\u2066', '\u2069', '\u200b', '\u2060', '\ufeff', '\u061c', '\t', '\u0085'])
    expect(sixDigits().parse(`${unseen}۱۲${unseen}٣456${unseen}`)).toBe('123456')
  expect(sixDigits().safeParse('12\u00003456').success).toBe(false)
  expect(anyCode().safeParse('12\u00003456').success).toBe(false)
})
