import { connect, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { World } from './world.ts'

/** One answer as its bytes say it. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case; a repeated one joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** Parsed where the answer says it is JSON. */
  // A test says what it expects of a body and fails where the body differs.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Lets the world's app listen on a free port of this machine, and tells which. */
export async function listen({ latchkey }: World): Promise<number> {
  await latchkey.app.listen({ host: '127.0.0.1', port: 0 })
  return (latchkey.app.server.address() as AddressInfo).port
}

/** Sends bytes as they are and gives back all answers, once the server has closed the connection. */
export async function send(port: number, ...pieces: readonly (string | Buffer)[]): Promise<RawAnswer[]> {
  const socket = connect(port, '127.0.0.1')
  for (const piece of pieces) socket.write(piece)
  return answersIn(await everything(socket))
}

/** All a socket receives until the other side ends it. A reset ends it too: what had arrived by then counts. */
export function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

/** The answers in what a connection received. Reads bodies by `Content-Length` alone, as ours have. */
export function answersIn(received: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = received
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no answer: ${rest.toString()}`)
    const head = rest.subarray(0, end).toString('latin1')
    const headers = headersIn(head)
    const status = Number(head.split(' ')[1])
    const length = Number(headers['content-length'] ?? 0)
    const bodyEnd = status === 100 ? end + 4 : Math.min(end + 4 + length, rest.length)
    const text = rest.subarray(end + 4, bodyEnd).toString()
    const isJson = (headers['content-type'] ?? '').includes('json') && text !== ''
    answers.push({ status, headers, text, body: isJson ? JSON.parse(text) : text })
    rest = rest.subarray(bodyEnd)
  }
  return answers
}

function headersIn(head: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of head.split('\r\n').slice(1)) {
    const [name = '', ...value] = line.split(':')
    const key = name.toLowerCase()
    const text = value.join(':').trim()
    headers[key] = headers[key] === undefined ? text : `${headers[key]}, ${text}`
  }
  return headers
}
