import type { Reading } from './config.ts'
import { processCount } from './compose/process-count.ts'
import type { ServeOptions } from './serve.ts'

/**
 * Brings the server up, in as many processes as WEB_CONCURRENCY says, and runs it until it is told to stop. With one
 * nothing is forked, and what several need is not even loaded. Throws what keeps it from starting.
 */
export async function start(reading: Reading, options: ServeOptions): Promise<void> {
  const { config } = reading
  const processes = processCount(config)
  const counted = { ...reading, config: { ...config, scale: { ...config.scale, processes } } }
  if (processes === 1) {
    const { serve } = await import('./serve.ts')
    return serve(counted, options)
  }
  const { serveByMany } = await import('./processes/primary.ts')
  return serveByMany(counted, options, processes)
}
