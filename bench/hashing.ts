import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { hash } from '@node-rs/argon2'

/**
 * Argon2id with the server's parameters and nothing around it, as many hashes at once as there are cores, for the number of
 * seconds given as its argument. Sends its parent the hashes made in a second and what each cost, and ends.
 */
const PARAMETERS = { algorithm: 2, version: 1, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 } as const

const before = process.cpuUsage()
const start = performance.now()
const end = start + Number(process.argv[2]) * 1000
let made = 0

async function hashUntilTheEnd(): Promise<void> {
  while (performance.now() < end) {
    await hash('Correct-Horse-7-Battery', PARAMETERS)
    made++
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, hashUntilTheEnd))
const { user, system } = process.cpuUsage(before)
const perSecond = (made * 1000) / (performance.now() - start)
if (process.connected) process.send?.({ perSecond, cpuMicroseconds: (user + system) / made })
