import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { everything, listen, send } from '../../test/raw.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, PASSWORD, type World } from '../../test/world.ts'

function asks(port: number, path: string, body: Readonly<Record<string, string>>): Socket {
  const text = JSON.stringify(body)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${text.length}\r\n\r\n${text}`,
  )
  return socket
}

/** Waits until the hashes stand as asked; the test's own time limit ends a wait in vain. */
async function until({ latchkey }: World, wanted: (load: { running: number; waiting: number }) => boolean) {
  while (!wanted(latchkey.passwords.load())) await setTimeout(1)
}

const emails = async ({ latchkey }: World) =>
  (await latchkey.foundation.db.selectFrom('users').select('email').execute()).map(({ email }) => email)

it('gives the place of a client that went away to the next, and leaves nothing half-done', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const port = await listen(world)
  const waiting = Array.from({ length: 30 }, (_, index) =>
    asks(port, '/api/users/', { email: `gone${index}@example.com`, password: PASSWORD }),
  )
  await until(world, (load) => load.waiting >= 10)
  const waited = world.latchkey.passwords.load().waiting
  for (const socket of waiting) socket.destroy()
  await until(world, (load) => load.waiting === 0 && load.running === 0)

  // Those whose hash had begun may have been made; whoever waited was not.
  expect((await emails(world)).length).toBeLessThanOrEqual(waiting.length - waited)
  const { status } = await world.call('POST', '/api/users/', {
    body: { email: 'next@example.com', password: PASSWORD },
  })
  expect(status).toBe(201)
  expect(world.logged()).not.toMatch(/"level":(50|60)/)
})

it('works for a client that stays although others went', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const port = await listen(world)
  const going = Array.from({ length: 12 }, (_, index) =>
    asks(port, '/api/users/', { email: `gone${index}@example.com`, password: PASSWORD }),
  )
  const staying = everything(asks(port, '/api/users/', { email: 'stays@example.com', password: PASSWORD }))
  await until(world, (load) => load.waiting > 0)
  for (const socket of going) socket.destroy()
  expect((await staying).toString()).toContain('201 Created')
  expect(await emails(world)).toContain('stays@example.com')
})

it('opens no session for a client that went while its password was still to be looked at', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const port = await listen(world)
  const { email } = await world.signedInUser()
  const sessions = async () => (await world.latchkey.foundation.db.selectFrom('sessions').select('id').execute()).length
  const before = await sessions()
  const waiting = Array.from({ length: 30 }, () => asks(port, '/api/token/', { email, password: PASSWORD }))
  await until(world, (load) => load.waiting >= 10)
  const waited = world.latchkey.passwords.load().waiting
  for (const socket of waiting) socket.destroy()
  await until(world, (load) => load.waiting === 0 && load.running === 0)
  expect((await sessions()) - before).toBeLessThanOrEqual(waiting.length - waited)
  expect((await world.signIn({ email, password: PASSWORD })).status).toBe(200)
})

it('answers 503 with Retry-After past 32 who wait, and everyone else', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const port = await listen(world)
  const received = Array.from({ length: 80 }, (_, index) =>
    everything(asks(port, '/api/users/', { email: `many${index}@example.com`, password: PASSWORD })),
  )
  const answers = (await Promise.all(received)).map(String)
  const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 503'))
  expect(refused.length).toBeGreaterThan(0)
  for (const answer of refused) expect(answer).toMatch(/retry-after: [1-9]/i)
  expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 201')).length).toBe(80 - refused.length)
  expect(await send(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatchObject([
    { status: 200 },
  ])
})
