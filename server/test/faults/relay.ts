import { connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { closedPort } from '../lookalikes/loopback.ts'

/** How a network treats whoever connects: refuses him, takes his bytes and never answers, answers late, or lets through. */
export type Weather = 'refused' | 'silent' | 'slow' | 'fair'

export interface Relay extends AsyncDisposable {
  /** Stays the same in any weather. */
  readonly port: number
  turn(weather: Weather): Promise<void>
}

const SLOWNESS_MILLISECONDS = 40

/** Stands before a server on loopback and makes the weather. Begins by refusing. */
export async function createRelay(target: number): Promise<Relay> {
  const port = await closedPort()
  const sockets = new Set<Socket>()
  let weather: Weather = 'refused'
  const server = createServer((client) => {
    sockets.add(client)
    client.on('error', () => {}).on('close', () => sockets.delete(client))
    if (weather === 'silent') return void client.resume()
    passOn(client, connect(target, '127.0.0.1'), weather === 'slow' ? SLOWNESS_MILLISECONDS : 0)
  })
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  return {
    port,
    async turn(next) {
      if (server.listening) await shut()
      weather = next
      if (next !== 'refused') await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
    },
    [Symbol.asyncDispose]: shut,
  }
}

function passOn(client: Socket, target: Socket, delayMilliseconds: number): void {
  client.on('close', () => target.destroy()).pipe(target)
  if (delayMilliseconds === 0) {
    target.on('error', () => client.destroy()).pipe(client)
    return
  }
  let passed = Promise.resolve()
  const inOrder = (act: () => void): void => {
    passed = passed.then(() => setTimeout(delayMilliseconds)).then(act)
  }
  target.on('error', () => client.destroy())
  target.on('data', (chunk) => inOrder(() => client.write(chunk))).on('end', () => inOrder(() => client.end()))
}
