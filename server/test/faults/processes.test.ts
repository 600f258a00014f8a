import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../database.ts'
import { type Answer, type Api, apiOf, PASSWORD } from './api.ts'
import { openFile } from './kill/records.ts'
import { startServer, UNTHROTTLED } from './server-process.ts'

const WRITER = fileURLToPath(new URL('./database-process.ts', import.meta.url))

const PERSONS = 4
const ROUNDS = 10

const ascending = (a: number, b: number): number => a - b

interface Person {
  readonly email: string
  refresh: string
  rotations: number
  signIns: number
}

async function signedIn(api: Api, email: string): Promise<{ access: string; refresh: string }> {
  await api('POST', '/api/users/', { body: { email, password: PASSWORD } })
  return (await api('POST', '/api/token/', { body: { email, password: PASSWORD } })).body
}

async function newcomer(api: Api, email: string): Promise<Person> {
  const { refresh } = await signedIn(api, email)
  return { email, refresh, rotations: 0, signIns: 1 }
}

/** Signs in at both servers and presents one refresh token to both, all at once. */
async function live(person: Person, apis: readonly [Api, Api]): Promise<Answer[]> {
  const { email } = person
  const all: Answer[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const refresh = { body: { refresh: person.refresh } }
    const rotations = apis.flatMap((api) => [
      api('POST', '/api/token/refresh/', refresh),
      api('POST', '/api/token/refresh/', refresh),
    ])
    const signIn = apis[round % 2]!('POST', '/api/token/', { body: { email, password: PASSWORD } })
    const answers = await Promise.all([...rotations, signIn])
    expect(new Set(answers.slice(0, 4).map(({ body }) => body.refresh)).size).toBe(1)
    person.refresh = answers[0]?.body.refresh
    person.rotations += 1
    person.signIns += 1
    all.push(...answers)
  }
  return all
}

// Each process counts throttles by itself, so limits are off here; failed sign-ins are counted in the file they share.
// With `begin` in place of `begin immediate`, or SQLite's own lock wait, some of these answer 500.
it('lets two servers and a command work on one file: no error, one successor a token, no update lost', async () => {
  const dataDir = temporaryFolder()
  await using first = await startServer(dataDir, UNTHROTTLED)
  await using second = await startServer(dataDir, UNTHROTTLED)
  const apis = [apiOf(first.url), apiOf(second.url)] as const
  const persons = await Promise.all(
    Array.from({ length: PERSONS }, (_, n) => newcomer(apis[n % 2 === 0 ? 0 : 1], `user${n}@example.com`)),
  )
  const writer = spawn(process.execPath, [WRITER, join(dataDir, 'latchkey.db'), 'add', '200'], { stdio: 'ignore' })
  const written = once(writer, 'close')
  const answers = (await Promise.all(persons.map((person) => live(person, apis)))).flat()
  expect(await written).toEqual([0, null])
  expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([])

  const file = openFile(dataDir)
  for (const { email, rotations, signIns } of persons) {
    const sessions = await file.rows(
      'select generation from sessions join users on users.id = user_id where email = ? order by generation desc',
      email,
    )
    expect(sessions.map(({ generation }) => generation)).toEqual([rotations, ...Array(signIns - 1).fill(0)])
  }
  expect(await file.rows(`select value from meta where key = 'sum'`)).toEqual([{ value: '200' }])
  await file.close()
}, 60_000)

it('lets two servers on one file count failed sign-ins together, send one code and give an address once', async () => {
  const dataDir = temporaryFolder()
  await using first = await startServer(dataDir, UNTHROTTLED)
  await using second = await startServer(dataDir, UNTHROTTLED)
  const apis = [apiOf(first.url), apiOf(second.url)]
  const atBoth = (times: number, call: (api: Api) => Promise<Answer>): Promise<Answer[]> =>
    Promise.all(Array.from({ length: times }, (_, n) => call(apis[n % 2]!)))

  const registrations = await atBoth(12, (api) =>
    api('POST', '/api/users/', { body: { email: 'sara@example.com', password: PASSWORD } }),
  )
  expect(registrations.map(({ status }) => status).toSorted(ascending)).toEqual([201, ...Array(11).fill(400)])

  const { access: token } = (
    await apis[0]!('POST', '/api/token/', { body: { email: 'sara@example.com', password: PASSWORD } })
  ).body
  const sends = await atBoth(10, (api) => api('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }))
  expect(sends.map(({ status }) => status).toSorted(ascending)).toEqual([200, ...Array(9).fill(429)])

  const guesses = await atBoth(20, (api) =>
    api('POST', '/api/token/', { body: { email: 'sara@example.com', password: 'Wrong-Horse-7' } }),
  )
  const statuses = guesses.map(({ status }) => status).toSorted(ascending)
  expect(statuses).toEqual([...Array(5).fill(401), ...Array(15).fill(429)])
}, 60_000)

it('answers 503 while another process keeps the file locked, goes on reading, and recovers by itself', async () => {
  const dataDir = temporaryFolder()
  await using server = await startServer(dataDir, UNTHROTTLED)
  const api = apiOf(server.url)
  const { access: token } = await signedIn(api, 'sara@example.com')
  const holder = spawn(process.execPath, [WRITER, join(dataDir, 'latchkey.db'), 'hold', '60000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'close')
  await once(holder.stdout, 'data')
  const newcomer = { body: { email: 'navid@example.com', password: PASSWORD } }
  const waiting = api('POST', '/api/users/', newcomer)
  expect((await api('GET', '/api/users/me/', { token })).status).toBe(200)
  expect((await api('GET', '/healthz')).status).toBe(200)
  const refused = await waiting
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^[1-9]\d*$/)])
  holder.kill('SIGKILL')
  await ended
  expect((await api('POST', '/api/users/', newcomer)).status).toBe(201)
}, 60_000)
