import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { milliseconds } from '../../src/kernel/duration.ts'
import type { CallOptions, Answer, SignedIn, World } from '../world.ts'

/** What was asked and what was answered, line by line, with everything that chance made replaced by what it is. */
export type Transcript = string[]

const CHANCE: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>'],
  [/req_[0-9a-f]+/g, '<request>'],
  [/(user|newcomer)\d+(?=@|%40)/g, '$1'],
  [/\+98912\d{7}/g, '<phone>'],
  [/"(secret|otpauth_url|qr_svg|challenge|device|kid|x|y|credential_id)":"(?:[^"\\]|\\.)+"/g, '"$1":"<chance>"'],
  [/"id":"[\w-]{22}"/g, '"id":"<credential>"'],
  [/[\w-]{43}/g, '<key>'],
  // The one thing that is told of where it runs.
  [/"counted_in":"\w+"/g, '"counted_in":"<place>"'],
  [/\b[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2,3}\b/gi, '<code>'],
  [/"(cursor|next|previous)":"(\S*?cursor=)?[\w-]{20,}/g, '"$1":"$2<cursor>'],
]

const withoutChance = (text: string): string =>
  CHANCE.reduce((text, [what, instead]) => text.replaceAll(what, instead), text)

/** Of no meaning to a client, or told by the body. */
const UNTOLD = ['date', 'connection', 'content-length', 'x-request-id', 'keep-alive', 'etag']

function told({ status, headers, text }: Answer): string {
  const kept = Object.entries(headers).filter(([name]) => !UNTOLD.includes(name))
  return `${status} ${JSON.stringify(Object.fromEntries(kept.toSorted(([one], [other]) => (one < other ? -1 : 1))))} ${text}`
}

/** By name alone: a code or a token is another one each time. */
const fieldsOf = (body: unknown): string => (body instanceof Object ? Object.keys(body).join() : '')

/** The same world, every call of which is written down. */
export function recording(world: World, transcript: Transcript): World {
  return {
    ...world,
    async call(method, path, options) {
      // What happened at one moment has no order.
      world.clock.turn(milliseconds(1))
      const answer = await world.call(method, path, options)
      transcript.push(withoutChance(`${method} ${path} ${fieldsOf(options?.body)} → ${told(answer)}`))
      return answer
    },
  }
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>
}
const METHODS = { get: 'GET', post: 'POST', put: 'PUT', patch: 'PATCH', delete: 'DELETE' } as const

function operations(): { readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; readonly path: string }[] {
  const document = JSON.parse(readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8')) as Document
  return Object.entries(document.paths).flatMap(([path, known]) =>
    Object.entries(METHODS).flatMap(([name, method]) => (name in known ? [{ method, path }] : [])),
  )
}

const MANY = '9'.repeat(25)

/** What a path may hold where an id stands: none, others', and numbers that one database takes and another does not. */
const IDS = [
  '1',
  '2',
  '0',
  '-1',
  '007',
  '2147483648',
  '9223372036854775807',
  '9223372036854775808',
  MANY,
  'me',
  'x%00y',
]

const QUERIES = [
  '',
  '?limit=2&offset=1',
  '?limit=0&offset=-1',
  `?limit=${MANY}&offset=${MANY}`,
  '?limit=1&offset=9223372036854775807',
  '?offset=2147483648',
  '?search=SARA&ordering=-email',
  '?search=%25_%5C%27%22&limit=100',
  '?search=%D8%B3%D8%A7%D8%B1%D8%A7',
  '?search=%00',
  '?is_active=true&cursor=none',
  '?email=user&user=1&type=signed_in&since=2026-11-22T09:00:00Z',
]

const TEXTS = ['', ' ', 'x', 'a\u0000b', '\ud800', 'سارا', '😀'.repeat(200), "'; drop table users; --", 'y'.repeat(300)]
const VALUES: readonly unknown[] = [...TEXTS, null, true, 0, -1, '9007199254740993', 1.5, [], {}, ['a@b.co']]

const FIELDS = [
  'email',
  'password',
  'first_name',
  'phone',
  'birthday',
  'gender',
  'language',
  'code',
  'token',
  'refresh',
  'challenge',
  'current_password',
  'new_password',
  'email_or_phone',
  'enabled',
  'name',
  'id',
  'is_active',
  'is_admin',
  'phone_sign_in',
]

/** Whole in all but one field, which has each of the values that are none. */
const GOOD: Readonly<Record<string, unknown>> = {
  email: 'swept@example.com',
  password: 'Correct-Horse-7',
  email_or_phone: 'email',
  code: '123456',
  current_password: 'Correct-Horse-7',
  new_password: 'Better-Horse-8',
}

/**
 * Asks every operation there is, as nobody, as a user and as an admin, with ids, queries and bodies that are wrong in every
 * way. `isWhole`: every field with every value, for minutes; else each value once and each field once.
 */
export async function sweep(world: World, { isWhole }: { readonly isWhole: boolean }): Promise<void> {
  const admin = await newcomer(world, 'overseer@example.com')
  const { foundation } = world.latchkey
  await foundation.db.updateTable('users').set({ adminSince: world.clock.now() }).where('id', '=', admin.id).execute()
  const user = await newcomer(world, 'sweeper@example.com')
  const callers: readonly CallOptions[] = [{}, { token: user.access }, { token: admin.access }, { token: 'nonsense' }]
  for (const { method, path } of operations()) {
    if (isLast(method, path)) continue
    // Each body as whoever gets furthest with it; by the others, whether they are let in.
    const furthest = path.includes('admin') || path === '/api/audit/' || path === '/api/users/' ? 2 : 1
    for (const [place, caller] of callers.entries()) {
      if (isWhole || place === furthest) await askAll(world, method, path, caller, isWhole)
      else await world.call(method, path.replace(/\{\w+\}/g, '1'), { ...caller, ...(method !== 'GET' && { body: {} }) })
    }
  }
  await theRest(world, user, admin)
}

type Newcomer = Pick<SignedIn, 'id' | 'access'>

/** By calls of which each has a moment of its own. */
async function newcomer({ call }: World, email: string): Promise<Newcomer> {
  const body = { email, password: 'Correct-Horse-7' }
  const { id } = (await call('POST', '/api/users/', { body })).body
  const { access } = (await call('POST', '/api/token/', { body })).body
  return { id, access }
}

/** What would end the sweep's own users. */
const isLast = (method: string, path: string): boolean =>
  method === 'DELETE' && (path === '/api/users/me/' || path === '/api/users/{id}/' || path.includes('sessions'))

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

async function askAll(world: World, method: Method, path: string, caller: CallOptions, isWhole: boolean) {
  const paths = path.includes('{')
    ? IDS.map((id) => path.replace('{factor}', 'totp').replace(/\{\w+\}/, id))
    : method === 'GET'
      ? QUERIES.map((query) => path + query)
      : [path]
  const bodies = method === 'GET' || method === 'DELETE' ? [undefined] : bodiesOf(isWhole)
  for (const [place, path] of paths.entries())
    for (const body of place === 0 ? bodies : bodies.slice(0, 2))
      await world.call(method, path, { ...caller, ...(body !== undefined && { body }) })
}

function bodiesOf(isWhole: boolean): unknown[] {
  const wrong = FIELDS.flatMap((field, at) =>
    VALUES.filter((_, value) => isWhole || value % FIELDS.length === at % VALUES.length).map((value) => ({
      ...GOOD,
      [field]: value,
    })),
  )
  return [{}, [], null, 'text', 7, { ...GOOD, unknown: 1 }, ...wrong]
}

/** What ends them, at last. */
async function theRest(world: World, user: Newcomer, { access: token }: Newcomer): Promise<void> {
  for (const id of IDS.filter((id) => !['1', 'me', String(user.id)].includes(id)))
    await world.call('DELETE', `/api/users/${id}/`, { token })
  for (const id of [...IDS, '00000000-0000-7000-8000-000000000000'])
    await world.call('DELETE', `/api/sessions/${id}/`, { token: user.access })
  await world.call('DELETE', `/api/admin/users/${user.id}/sessions/`, { token })
  await world.call('DELETE', `/api/users/${user.id}/`, { token })
  await world.call('DELETE', '/api/users/me/', { token })
  await world.call('GET', '/api/audit/?limit=100', { token })
}
