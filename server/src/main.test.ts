import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../test/database.ts'
import { ready, startProcess } from '../test/process.ts'
import { systemRandom } from './kernel/random.ts'

const secretKey = (): string => Buffer.from(systemRandom.bytes(32)).toString('hex')

const body = JSON.stringify({ email: 'sara@example.com', password: 'Correct-Horse-7' })
const REGISTRATION = `POST /api/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`

/** A folder in which a server was started once, with these settings. */
async function installation(settings: Record<string, string> = {}): Promise<string> {
  const folder = temporaryFolder()
  const server = startProcess(['main.ts'], { folder, settings })
  await ready(server)
  server.child.kill('SIGTERM')
  expect(await server.ended()).toBe(0)
  return folder
}

/** A connection on which nothing has been sent. Rejects when none is taken. */
async function opened(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  // However the server ends it is what the test asks by other means.
  return socket.on('error', () => {})
}

/** A connection on which a request has begun: the server has its head and waits for the rest of its body. */
async function begunRequest(url: string): Promise<Socket> {
  const socket = await opened(url)
  // Answered first, so that the server is known to have the connection; then the request that will be running.
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(socket, 'data')
  socket.write(REGISTRATION + body.slice(0, 10))
  return socket
}

describe('a server told to stop', () => {
  it('answers the request in hand, closes idle connections, takes no new ones and ends with 0', async () => {
    const server = startProcess(['main.ts'])
    const { url } = await ready(server)
    const idle = await opened(url)
    const socket = await begunRequest(url)
    server.child.kill('SIGTERM')
    await server.line(/stopping/)
    await once(idle, 'close')
    await vi.waitFor(() => expect(opened(url)).rejects.toThrow('ECONNREFUSED'), 5000)
    socket.write(body.slice(10))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /)
    expect(await server.ended()).toBe(0)
    expect(server.out()).toContain('"msg":"stopped"')
    expect(server.out()).not.toContain('cut off')
    expect(server.err()).toBe('')
  })

  it('twice, ends at once', async () => {
    const server = startProcess(['main.ts'])
    const { url } = await ready(server)
    await begunRequest(url)
    server.child.kill('SIGTERM')
    await server.line(/stopping/)
    server.child.kill('SIGINT')
    expect(await server.ended()).toBe('SIGINT')
  })
})

describe('a start that fails says why in words and ends with 1', () => {
  it('for wrong settings, an unreadable .env, a damaged database and a taken port', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const port = String((taken.address() as { port: number }).port)
    const [dotenv, damaged] = [temporaryFolder(), temporaryFolder()]
    mkdirSync(join(dotenv, '.env'))
    mkdirSync(join(damaged, 'data'))
    writeFileSync(join(damaged, 'data/latchkey.db'), 'not a database at all', { mode: 0o600 })
    const failing = {
      settings: startProcess(['main.ts'], { settings: { PORT: 'eight' } }),
      dotenv: startProcess(['main.ts'], { folder: dotenv }),
      damaged: startProcess(['main.ts'], { folder: damaged }),
      taken: startProcess(['main.ts'], { settings: { PORT: port } }),
    }
    for (const process of Object.values(failing)) {
      expect(await process.ended()).toBe(1)
      expect(process.err()).not.toMatch(/^ +at /m)
    }
    taken.close()
    expect(failing.settings.err()).toContain('PORT must be')
    expect(failing.dotenv.err()).toContain('.env cannot be read')
    expect(failing.damaged.err()).toContain('is not an SQLite database')
    expect(failing.taken.err()).toBe(
      `Port ${port} is taken by another program. Stop it, or set PORT to another number.\n`,
    )
  })

  it('for another secret than the one the database was made with', async () => {
    const folder = await installation({ SECRET_KEY: secretKey() })
    const other = startProcess(['main.ts'], { folder, settings: { SECRET_KEY: secretKey() } })
    expect(await other.ended()).toBe(1)
    expect(other.err()).toMatch(/^The database was made with another SECRET_KEY .*keys rekey`\.\n$/)
    const removed = startProcess(['main.ts'], { folder })
    expect(await removed.ended()).toBe(1)
    expect(removed.err()).toMatch(/^The database was made with a secret that is missing/)
  })
})

describe('the command line', () => {
  it('works beside a running server', async () => {
    const folder = temporaryFolder()
    const server = startProcess(['cli.ts', 'serve', '--json'], { folder })
    const { url, first_admin } = await ready(server)
    expect(first_admin).toContain('create-admin')
    const command = startProcess(['cli.ts', 'create-admin', '--email', 'sara@example.com', '--password-stdin'], {
      folder,
    })
    command.child.stdin?.end('Correct-Horse-7\n')
    expect(await command.ended()).toBe(0)
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(`${url}/api/token/`, { method: 'POST', headers, body })).status).toBe(200)
    const rekey = startProcess(['cli.ts', 'keys', 'rekey', '--yes'], { folder, settings: { SECRET_KEY: secretKey() } })
    expect(await rekey.ended()).toBe(1)
    expect(rekey.err()).toContain('Stop every server')
    server.child.kill('SIGTERM')
    expect(await server.ended()).toBe(0)
  })

  it('runs a worker until it is told to stop, and none without a gateway', async () => {
    const none = startProcess(['cli.ts', 'worker'])
    expect(await none.ended()).toBe(1)
    expect(none.err()).toContain('There is no gateway to send by')
    const settings = { EMAIL_HOST: '127.0.0.1', EMAIL_PORT: '9', EMAIL_FROM: 'a@example.com' }
    const worker = startProcess(['cli.ts', 'worker'], { settings, folder: await installation() })
    await worker.line(/"channels":\["email"\]/)
    worker.child.kill('SIGTERM')
    expect(await worker.ended()).toBe(0)
  })
})
