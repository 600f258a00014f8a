import type { FastifyReply } from 'fastify'

/**
 * Fires when the client has gone before it was answered, so that work nobody waits for can be dropped. Not Fastify's own
 * `request.signal`: that one fires as soon as the body has been read.
 */
export function whenGone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}
