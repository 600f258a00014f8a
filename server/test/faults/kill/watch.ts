import { setTimeout } from 'node:timers/promises'
import type { ServerProcess } from '../server-process.ts'

/** What servers looked like from outside while they were struck. */
export interface Watched {
  /** The longest that /healthz took, which asks nobody; the longest pause of an event loop. */
  readonly longestHealthMilliseconds: number
  /** From the end of the strike until every one was ready. */
  readonly readyAfterMilliseconds: number
  readonly faults: readonly string[]
}

const LOOK_EVERY_MILLISECONDS = 50
const LONGEST_WAIT_MILLISECONDS = 60_000

/** Asks every server again and again whether it is alive, until the strike is over and all are ready. */
export async function watch(servers: readonly ServerProcess[], strike: () => Promise<void>): Promise<Watched> {
  const faults: string[] = []
  let longest = 0
  const strikes = { isOver: false }
  const look = async ({ url }: ServerProcess): Promise<void> => {
    while (!strikes.isOver) {
      const asked = performance.now()
      const isAlive = await statusOf(`${url}/healthz`)
      longest = Math.max(longest, performance.now() - asked)
      if (isAlive !== 200) faults.push(`/healthz answered ${isAlive}`)
      await setTimeout(LOOK_EVERY_MILLISECONDS)
    }
  }
  const looking = Promise.all(servers.map(look))
  await strike()
  const back = performance.now()
  for (const { url } of servers) {
    while ((await statusOf(`${url}/readyz`)) !== 200 && performance.now() - back < LONGEST_WAIT_MILLISECONDS)
      await setTimeout(LOOK_EVERY_MILLISECONDS)
  }
  const readyAfter = performance.now() - back
  strikes.isOver = true
  await looking
  if (readyAfter > LONGEST_WAIT_MILLISECONDS) faults.push('not ready again within a minute')
  return { longestHealthMilliseconds: longest, readyAfterMilliseconds: readyAfter, faults }
}

async function statusOf(url: string): Promise<number | string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(LONGEST_WAIT_MILLISECONDS) })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    return String(error)
  }
}
