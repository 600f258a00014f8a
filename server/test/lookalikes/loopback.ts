import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificate.ts'

/** A server on 127.0.0.1, on a port of the system's choice; `await using` closes it at the end of the block. */
export interface Loopback extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** At once: whoever is still connected is cut off. */
  close(): Promise<void>
}

/** Serves HTTP with `handle`; a handler that throws cuts the connection, so that its test sees more than a silence. */
export async function listenHttp(
  handle: (request: IncomingMessage, body: string, response: ServerResponse) => Promise<void> | void,
): Promise<Loopback> {
  const server = createServer((request, response) => {
    readBody(request)
      .then((body) => handle(request, body, response))
      .catch(() => request.socket.destroy())
  })
  await listening(server)
  return loopback((server.address() as AddressInfo).port, () => stop(server))
}

/** Answers 200 with an empty body, to whoever trusts its certificate. */
export async function listenHttps(certificate: Certificate): Promise<Loopback> {
  const server = createTlsServer(certificate, (_request, response) => response.end())
  await listening(server)
  const { port } = server.address() as AddressInfo
  return { ...loopback(port, () => stop(server)), url: `https://127.0.0.1:${port}` }
}

export function loopback(port: number, close: () => Promise<void>): Loopback {
  return { port, url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close }
}

/** A port on which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const { port, close } = await listenHttp(() => {})
  await close()
  return port
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })

const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString()
}
