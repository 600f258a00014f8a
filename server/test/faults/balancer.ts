import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerProcess } from './server-process.ts'

/** What stands before several servers: sends each request to one that says it is ready, by turns. */
export interface Balancer extends AsyncDisposable {
  readonly url: string
  replace(place: number, server: ServerProcess): void
  /** How many requests were sent to another server because the first had not taken them. */
  retried(): number
}

const LOOK_EVERY_MILLISECONDS = 100

interface Backend {
  url: string
  isReady: boolean
  readonly agent: Agent
}

/** A connection that was refused is tried at another server; so is a GET whose connection broke, since it changes nothing. */
export async function startBalancer(servers: readonly ServerProcess[]): Promise<Balancer> {
  const backends = servers.map(({ url }): Backend => ({ url, isReady: true, agent: new Agent({ keepAlive: true }) }))
  let [turn, retried] = [0, 0]
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await incoming.toArray())
    for (let attempt = 0; ; attempt++) {
      const ready = backends.filter(({ isReady }) => isReady)
      const among = ready.length > 0 ? ready : backends
      const backend = among[turn++ % among.length]!
      try {
        return await passOn(backend, incoming, body, outgoing)
      } catch (error) {
        const { code, mayRepeat } = error as { code?: string; mayRepeat?: boolean }
        if (code === 'ECONNREFUSED') backend.isReady = false
        if (attempt === 3 || !(mayRepeat || code === 'ECONNREFUSED' || incoming.method === 'GET')) break
        retried += 1
      }
    }
    outgoing.writeHead(502).end()
  }
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing).catch(() => outgoing.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const looking = setInterval(() => backends.forEach((backend) => void look(backend)), LOOK_EVERY_MILLISECONDS)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    replace: (place, { url }) => void Object.assign(backends[place]!, { url, isReady: true }),
    retried: () => retried,
    async [Symbol.asyncDispose]() {
      clearInterval(looking)
      for (const { agent } of backends) agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function look(backend: Backend): Promise<void> {
  const { url } = backend
  const isReady = await fetch(`${url}/readyz`).then(
    (answer) => answer.arrayBuffer().then(() => answer.ok),
    () => false,
  )
  if (backend.url === url) backend.isReady = isReady
}

function passOn(
  { url, agent }: Backend,
  { method, url: path, headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { method, headers: endToEnd(headers), agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
      answer.pipe(outgoing).on('finish', resolve).on('error', reject)
    })
    // A kept connection that was closed before anything of an answer came had been closed while idle (Node's own sign for it).
    asked.on('error', (error) => {
      const isStale = asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
      reject(Object.assign(error, { mayRepeat: isStale }))
    })
    asked.end(body)
  })
}

/** Without what is said of one connection alone (RFC 9110 §7.6.1). */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...passed } = headers
  return passed
}
