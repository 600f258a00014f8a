import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../database.ts'
import { ready, startProcess } from '../process.ts'
import { type Answer, type Api, PASSWORD } from './api.ts'
import { freshApiOf } from './fresh-connections.ts'
import { launch, type ServerProcess, startServer, UNTHROTTLED } from './server-process.ts'

const TWO = { ...UNTHROTTLED, WEB_CONCURRENCY: '2' }
const PATIENCE = { timeout: 20_000, interval: 20 }

interface Held {
  readonly email: string
  readonly access: string
  readonly refresh: string
}

async function signedIn(api: Api, email: string): Promise<Held> {
  await api('POST', '/api/users/', { body: { email, password: PASSWORD } })
  const { access, refresh } = (await api('POST', '/api/token/', { body: { email, password: PASSWORD } })).body
  return { email, access, refresh }
}

/** Those that serve now, oldest first; the first process answers nobody and is not among them. */
function serving(server: Pick<ServerProcess, 'output'>): number[] {
  const lines = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
  const parsed = lines.map((line) => JSON.parse(line) as { pid: number; msg?: string; process?: number })
  const gone = new Set(parsed.filter(({ msg }) => msg?.startsWith('a process ended')).map(({ process }) => process))
  const listening = parsed.filter(({ msg }) => msg?.startsWith('Server listening')).map(({ pid }) => pid)
  return [...new Set(listening)].filter((pid) => !gone.has(pid) && isAlive(pid))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const untilServing = (server: ServerProcess, count: number) =>
  vi.waitFor(() => expect(serving(server)).toHaveLength(count), PATIENCE)

describe('two processes behind one port', () => {
  it('say once that they answer, go on with each other’s sessions, and agree on one successor a token', async () => {
    await using server = await startServer(temporaryFolder(), TWO)
    await untilServing(server, 2)
    expect(server.output().match(/"event":"ready"/g)).toHaveLength(1)
    expect(server.output()).toContain('"processes":2')
    const api = freshApiOf(server.url)
    const held = await signedIn(api, 'sara@example.com')
    let { refresh } = held
    for (let round = 0; round < 20; round++) {
      const racing = Array.from({ length: 8 }, () => api('POST', '/api/token/refresh/', { body: { refresh } }))
      const answers = await Promise.all(racing)
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
      expect(new Set(answers.map(({ body }) => body.refresh)).size).toBe(1)
      refresh = answers[0]!.body.refresh
    }
    const out = await api('POST', '/api/logout/', { token: held.access, body: { refresh } })
    expect(out.status).toBe(200)
    const after = await Promise.all(
      Array.from({ length: 4 }, () => api('GET', '/api/users/me/', { token: held.access })),
    )
    expect(after.map(({ status }) => status)).toEqual([401, 401, 401, 401])
  }, 60_000)

  it('count a limit once', async () => {
    await using server = await startServer(temporaryFolder(), { ...TWO, THROTTLE_LOGIN: '7/hour' })
    const api = freshApiOf(server.url)
    const body = { email: 'nobody@example.com', password: PASSWORD }
    const answers: Answer[] = []
    for (let n = 0; n < 14; n++)
      answers.push(await api('POST', '/api/token/', { body: { ...body, email: `nobody${n}@example.com` } }))
    expect(answers.map(({ status }) => status)).toEqual([...Array(7).fill(401), ...Array(7).fill(429)])
  }, 60_000)

  it('show in either one’s inbox what either one sent', async () => {
    await using server = await startServer(temporaryFolder(), TWO)
    const api = freshApiOf(server.url)
    const people = await Promise.all([1, 2, 3, 4].map((n) => signedIn(api, `user${n}@example.com`)))
    for (const { access: token } of people)
      await api('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
    const inboxes = () => Promise.all([1, 2, 3, 4].map(() => api('GET', '/dev/inbox/messages/')))
    const codes = ({ body }: Answer) => body.messages.filter((message: { code: unknown }) => message.code !== null)
    await vi.waitFor(async () => {
      for (const inbox of await inboxes()) expect(codes(inbox)).toHaveLength(4)
    }, PATIENCE)
    process.kill(serving(server)[0]!, 'SIGKILL')
    await vi.waitFor(() => expect(server.output()).toContain('another process serves'), PATIENCE)
    for (const inbox of await inboxes()) expect(codes(inbox)).toHaveLength(4)
  }, 60_000)

  it('tell at /metrics what both did', async () => {
    const METRICS_TOKEN = 'x'.repeat(32)
    await using server = await startServer(temporaryFolder(), { ...TWO, METRICS_TOKEN })
    const api = freshApiOf(server.url)
    for (let n = 0; n < 10; n++) await api('GET', '/healthz')
    const { body } = await api('GET', '/metrics', { token: METRICS_TOKEN })
    expect(body).toMatch(/latchkey_http_request_duration_seconds_count\{[^}]*route="\/healthz"[^}]*\} 10\n/)
  }, 60_000)

  it('both sign with a new key within seconds, and both honour it before', async () => {
    const folder = temporaryFolder()
    const settings = { ...TWO, DATA_DIR: join(folder, 'data') }
    const server = startProcess(['main.ts'], { folder, settings })
    const api = freshApiOf((await ready(server)).url.replace('localhost', '127.0.0.1'))
    const { access: before } = await signedIn(api, 'sara@example.com')
    const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid
    const published = async (): Promise<string[]> =>
      (await api('GET', '/.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid)
    const rotate = async (...words: string[]) => {
      const command = startProcess(['cli.ts', 'keys', 'rotate', ...words], { folder, settings })
      expect(await command.ended()).toBe(0)
    }
    await rotate()
    await vi.waitFor(async () => {
      for (const keys of await Promise.all([published(), published(), published(), published()]))
        expect(keys).toHaveLength(2)
    }, PATIENCE)
    expect((await api('GET', '/api/users/me/', { token: before })).status).toBe(200)
    const known = await published()
    await rotate('--compromised')
    // Many in a row, so that it is both who answer.
    await vi.waitFor(async () => {
      for (let n = 0; n < 6; n++) {
        const signIn = await api('POST', '/api/token/', { body: { email: 'sara@example.com', password: PASSWORD } })
        expect(known).not.toContain(kidOf(signIn.body.access))
        expect((await api('GET', '/api/users/me/', { token: signIn.body.access })).status).toBe(200)
        expect((await api('GET', '/api/users/me/', { token: before })).status).toBe(401)
        expect(await published()).toEqual([kidOf(signIn.body.access)])
      }
    }, PATIENCE)
  }, 60_000)
})

/** Lives until told to end; gives back what was acknowledged, and what failed on the way. */
async function load(api: Api, name: string, isOver: () => boolean) {
  const registered: string[] = []
  const ended: Held[] = []
  const failures: string[] = []
  for (let n = 0; !isOver(); n++) {
    try {
      const email = `${name}-${n}@example.com`
      const { status } = await api('POST', '/api/users/', { body: { email, password: PASSWORD } })
      if (status !== 201) failures.push(`registration ${status}`)
      else registered.push(email)
      const signIn = await api('POST', '/api/token/', { body: { email, password: PASSWORD } })
      const { access, refresh } = signIn.body
      const rotations = await Promise.all(
        [1, 2, 3].map(() => api('POST', '/api/token/refresh/', { body: { refresh } })),
      )
      const children = new Set(rotations.filter(({ status }) => status === 200).map(({ body }) => body.refresh))
      if (children.size > 1) failures.push('I3: one refresh token had two children')
      const [child] = children
      const out = await api('POST', '/api/logout/', { token: access, body: { refresh: child ?? refresh } })
      if (out.status === 200) ended.push({ email, access, refresh: child ?? refresh })
    } catch (error) {
      failures.push(String((error as NodeJS.ErrnoException).code ?? error))
    }
  }
  return { registered, ended, failures }
}

async function holds(api: Api, { registered, ended }: Awaited<ReturnType<typeof load>>): Promise<void> {
  for (const email of registered) {
    const { status } = await api('POST', '/api/token/', { body: { email, password: PASSWORD } })
    expect(status, `I1: ${email}`).toBe(200)
  }
  for (const { email, access, refresh } of ended) {
    expect((await api('GET', '/api/users/me/', { token: access })).status, `I2: ${email}`).toBe(401)
    const { status } = await api('POST', '/api/token/refresh/', { body: { refresh } })
    expect(status, `I2: ${email}`).toBe(401)
  }
}

describe('when processes end', () => {
  it('one killed under load is replaced, others go on, and what was acknowledged holds', async () => {
    await using server = await startServer(temporaryFolder(), { ...TWO, THROTTLE_LOGIN: 'off' })
    const api = freshApiOf(server.url)
    let isOver = false
    const lives = Promise.all([1, 2, 3, 4].map((n) => load(api, `life${n}`, () => isOver)))
    for (let kill = 1; kill <= 3; kill++) {
      await setTimeout(300)
      const [oldest] = serving(server)
      process.kill(oldest!, 'SIGKILL')
      await vi.waitFor(() => expect(server.output().match(/another process serves/g)).toHaveLength(kill), PATIENCE)
    }
    isOver = true
    const came = await lives
    // A connection the killed one had in hand breaks; nothing else may fail.
    expect(came.flatMap(({ failures }) => failures).filter((failure) => failure !== 'ECONNRESET')).toEqual([])
    expect(came.flatMap(({ registered }) => registered).length).toBeGreaterThan(0)
    await untilServing(server, 2)
    await Promise.all(came.map((life) => holds(api, life)))
  }, 120_000)

  it('each told to stop in turn under load is replaced, and nobody notices', async () => {
    await using server = await startServer(temporaryFolder(), { ...TWO, THROTTLE_LOGIN: 'off' })
    await untilServing(server, 2)
    const api = freshApiOf(server.url)
    let isOver = false
    const lives = Promise.all([1, 2, 3, 4].map((n) => load(api, `life${n}`, () => isOver)))
    for (const [n, pid] of serving(server).entries()) {
      process.kill(pid, 'SIGTERM')
      await vi.waitFor(() => expect(server.output().match(/another process serves/g)).toHaveLength(n + 1), PATIENCE)
    }
    isOver = true
    const came = await lives
    expect(came.flatMap(({ failures }) => failures)).toEqual([])
    await Promise.all(came.map((life) => holds(api, life)))
  }, 120_000)

  it('the first one killed takes the others with it', async () => {
    await using server = await startServer(temporaryFolder(), TWO)
    await untilServing(server, 2)
    const pids = serving(server)
    server.kill('SIGKILL')
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), PATIENCE)
    expect(server.output().match(/the first process is gone/g)).toHaveLength(2)
    await expect(freshApiOf(server.url)('GET', '/healthz')).rejects.toThrow('ECONNREFUSED')
  }, 60_000)

  it('told twice to stop, all end at once', async () => {
    await using server = await startServer(temporaryFolder(), TWO)
    await untilServing(server, 2)
    const pids = serving(server)
    // A request that never ends its body would hold it for ten seconds.
    const socket = connect(server.port, '127.0.0.1').on('error', () => {})
    socket.write('POST /api/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n')
    socket.write('Content-Length: 99\r\nExpect: 100-continue\r\n\r\n')
    await once(socket, 'data')
    server.kill('SIGTERM')
    await vi.waitFor(() => expect(server.output()).toContain('stopping every process'), PATIENCE)
    server.kill('SIGTERM')
    expect(await server.exited).toEqual({ code: null, signal: 'SIGTERM' })
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), PATIENCE)
  }, 60_000)
})

describe('a start that fails ends with 1 and says why, once', () => {
  it('for a taken port, and a list that only those who serve read', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const server = startProcess(['main.ts'], { settings: { WEB_CONCURRENCY: '2', PORT: String(port) } })
    expect(await server.ended()).toBe(1)
    taken.close()
    expect(server.err()).toBe(`Port ${port} is taken by another program. Stop it, or set PORT to another number.\n`)
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'breached.filter'), 'no filter at all', { mode: 0o600 })
    const unfit = startProcess(['main.ts'], { settings: { WEB_CONCURRENCY: '2', DATA_DIR: folder } })
    expect(await unfit.ended()).toBe(1)
    expect(unfit.err().match(/breached\.filter/g)).toHaveLength(1)
  }, 60_000)

  it('for another secret, before any other process is started', async () => {
    const dataDir = temporaryFolder()
    await using first = launch(dataDir, TWO)
    await first.ready
    first.kill('SIGTERM')
    expect(await first.exited).toEqual({ code: 0, signal: null })
    await using second = launch(dataDir, { ...TWO, SECRET_KEY: 'x'.repeat(32) })
    await expect(second.ready).rejects.toThrow('The database was made with another SECRET_KEY')
    expect((await second.exited).code).toBe(1)
    expect(second.output()).not.toContain('listening')
  }, 60_000)
})
