import type { FastifyBaseLogger } from 'fastify'
import { createWorker, type Worker } from '../features/messages/worker.ts'
import { type FoundationOptions, openFoundation } from './foundation.ts'
import { createRealGateways } from './gateways.ts'

export interface LoneWorker {
  /** The channels it has a gateway for; it leaves the messages of any other alone. */
  readonly channels: readonly string[]
  readonly worker: Worker
  /** What is in hand is finished, the rest stays stored. */
  close(): Promise<void>
}

/** A worker on the outbox without a server around it. Throws what `openFoundation` throws. */
export async function composeWorker(options: FoundationOptions & { logger: FastifyBaseLogger }): Promise<LoneWorker> {
  const { config, clock, random, logger, tracing } = options
  const { db, secret, close } = await openFoundation(options)
  const gateways = createRealGateways(config, clock, logger)
  const worker = createWorker({ db, gateways, clock, random, secret, log: logger, tracing })
  return {
    channels: Object.keys(gateways),
    worker,
    async close() {
      await worker.stop()
      await Promise.all([gateways.email?.close(), gateways.sms?.close()])
      await close()
    },
  }
}
