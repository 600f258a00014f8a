import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { days, hours } from '../../kernel/duration.ts'
import { createMemoryLimiter } from './memory.ts'

const ONE_AN_HOUR = { quota: 1, period: hours(1) }

it('forgets the oldest key, and only that, when a flood of addresses fills the memory', async () => {
  const limiter = createMemoryLimiter()
  for (let address = 0; address < 50_001; address++) await limiter.take('login', String(address), ONE_AN_HOUR)
  expect(await limiter.take('login', '1', ONE_AN_HOUR)).toMatchObject({ allowed: false })
  expect(await limiter.take('login', '0', ONE_AN_HOUR)).toMatchObject({ allowed: true })
})

it('lets the process end while windows are open', async () => {
  const script = `
    import { createMemoryLimiter } from ${JSON.stringify(new URL('./memory.ts', import.meta.url).href)}
    await createMemoryLimiter().take('login', '192.0.2.1', { quota: 1, period: 3_600_000 })
    console.log('counted')`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  expect(stdout).toBe('counted\n')
})

it('refuses a window too long for a timer instead of not limiting at all', async () => {
  await expect(createMemoryLimiter().take('login', '192.0.2.1', { quota: 1, period: days(25) })).rejects.toThrow(
    RangeError,
  )
})
