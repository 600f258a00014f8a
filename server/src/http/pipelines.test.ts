import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { listen, send } from '../../test/raw.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld } from '../../test/world.ts'

const asked = (path: string, times: number): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(times)

it('answers all that is asked at once on one connection, where the answers are read', async () => {
  const port = await listen(await createWorld({ settings: UNLIMITED }))
  const last = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const answers = await send(port, asked('/healthz', 900) + last)
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 901 }, () => 200))
})

it('closes a connection that goes on asking and does not read', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const { server } = world.latchkey.app
  const open = promisify(server.getConnections.bind(server))
  const socket = connect(await listen(world), '127.0.0.1').pause()
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(asked('/api/schema/assets/swagger-ui.js', 200))
  await setTimeout(500)
  expect(await open()).toBe(1)
  await setTimeout(3000)
  expect(await open()).toBe(0)
  socket.destroy()
})
