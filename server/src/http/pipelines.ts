import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { seconds } from '../kernel/duration.ts'

// Nobody who means to read the answers asks for so many at once.
const MOST_UNREAD = 100
const TIME_TO_READ = seconds(2)

/**
 * Closes a connection that goes on asking (RFC 9112 §9.3.2, pipelining) without reading: its answers wait in our memory,
 * 8 MB for the thousand requests that fit into one packet of 64 KiB.
 */
export function closeUnread(server: Server): void {
  const unread = new WeakMap<Socket, number>()
  const countOf = (socket: Socket): number => unread.get(socket) ?? 0
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const count = countOf(socket) + 1
    unread.set(socket, count)
    response.once('close', () => unread.set(socket, countOf(socket) - 1))
    if (count !== MOST_UNREAD + 1) return
    setTimeout(() => countOf(socket) > MOST_UNREAD && socket.destroy(), TIME_TO_READ).unref()
  })
}
