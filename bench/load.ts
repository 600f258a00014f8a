import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/**
 * A load generator of its own, because it shares the machine with what it measures: raw keep-alive sockets, one request at a
 * time on each, and no more of HTTP than the servers measured send (a status, `Content-Length` or one chunk after the other, a body).
 */
export interface Load {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** At most so many requests a second over all connections, evenly spread; as fast as they are answered when not given. */
  readonly perSecond?: number
  /** What the connection sends next; it may depend on the answer before. Told of the last answer too, after which nothing is sent. */
  readonly next: (connection: number, last: Answer | undefined) => Buffer
}

export interface Answer {
  readonly status: number
  readonly body: string
  /** The server closes the connection after it, as it does when a socket has had its number of requests. */
  readonly isLast: boolean
}

export interface Measured {
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>
  readonly seconds: number
  /** Milliseconds from request to whole answer, ascending. */
  readonly latencies: readonly number[]
}

/** Sends until the time is up, then lets the last answers come. */
export async function measure(load: Load): Promise<Measured> {
  const statuses = new Map<number, number>()
  const latencies: number[] = []
  const start = performance.now()
  const record = (status: number, latency: number): void => {
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    latencies.push(latency)
  }
  const end = start + load.seconds * 1000
  const turn = pace(load.perSecond, start)
  await Promise.all(Array.from({ length: load.connections }, (_, index) => drive(load, index, end, turn, record)))
  const seconds = (performance.now() - start) / 1000
  return { statuses, seconds, latencies: latencies.toSorted((a, b) => a - b) }
}

async function drive(
  { port, next }: Load,
  index: number,
  end: number,
  turn: () => Promise<void>,
  record: (status: number, latency: number) => void,
): Promise<void> {
  let wire = await openWire(port)
  let last: Answer | undefined
  while (performance.now() < end) {
    await turn()
    const asked = performance.now()
    if (asked >= end) break
    if (wire.socket.destroyed) wire = await openWire(port) // closed by either side during a long wait
    last = await wire.ask(next(index, last))
    record(last.status, performance.now() - asked)
    if (last.isLast) wire = await openWire(port)
  }
  next(index, last)
  wire.socket.destroy()
}

/** Resolves when it is the caller's turn. Sleeps only through long waits: timers of a millisecond make bursts of the load. */
function pace(perSecond: number | undefined, start: number): () => Promise<void> {
  let turns = 0
  return async () => {
    if (perSecond === undefined) return
    const due = start + (turns++ * 1000) / perSecond
    for (let wait = due - performance.now(); wait > 0; wait = due - performance.now()) {
      await (wait > 1 ? sleep(wait) : nextTurn())
    }
  }
}

// Longer than any queue of ours.
const LONGEST_ANSWER_MS = 20_000

interface Wire {
  readonly socket: Socket
  /** One request, one answer; rejects when the server hangs up. */
  ask(request: Buffer): Promise<Answer>
}

async function openWire(port: number): Promise<Wire> {
  const socket = connect(port, '127.0.0.1').setNoDelay()
  socket.setTimeout(LONGEST_ANSWER_MS, () => socket.destroy(new Error('no answer')))
  const answer = answersOf(socket)
  await once(socket, 'connect')
  return {
    socket,
    ask(request) {
      socket.write(request)
      return answer()
    },
  }
}

/** Resolves to one answer after the other. */
function answersOf(socket: Socket): () => Promise<Answer> {
  let received = Buffer.alloc(0)
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const whole = parseAnswer(received)
    if (!whole) return
    received = received.subarray(whole.bytes)
    waiting?.resolve(whole.answer)
  })
  socket.on('error', (error) => waiting?.reject(error))
  socket.on('close', () => waiting?.reject(new Error('the server hung up')))
  return () =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) reject(new Error('the server has hung up'))
      waiting = { resolve, reject }
    })
}

function parseAnswer(received: Buffer): { answer: Answer; bytes: number } | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const head = received.toString('latin1', 0, headEnd)
  const bytes = endOfBody(received, head, headEnd + 4)
  if (bytes === undefined || received.length < bytes) return undefined
  const answer = {
    status: Number(head.slice(9, 12)),
    body: received.toString('utf8', headEnd + 4, bytes),
    isLast: /\r\nconnection: close/i.test(head),
  }
  return { answer, bytes }
}

const LAST_CHUNK = '\r\n0\r\n\r\n'

/** Where a body ends; undefined where its end has not come yet. Chunks are not taken out of their frames: nobody reads them. */
function endOfBody(received: Buffer, head: string, start: number): number | undefined {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined) return start + Number(length)
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) throw new Error(`an answer without a length:\n${head}`)
  const last = received.indexOf(LAST_CHUNK, start)
  return last === -1 ? undefined : last + LAST_CHUNK.length
}

/** A GET, with a bearer token where one is given. */
export const get = (path: string, token?: string): Buffer =>
  getWith(path, token === undefined ? '' : `Authorization: Bearer ${token}\r\n`)

/** A GET with header lines of its own, each with its end. */
export const getWith = (path: string, lines: string): Buffer =>
  Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`)

/** A POST of JSON. */
export function post(path: string, body: unknown, lines = ''): Buffer {
  const json = JSON.stringify(body)
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${lines}`
  return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`)
}
