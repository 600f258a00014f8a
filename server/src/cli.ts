#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// Before anything asks for the thread pool: password hashes may take all of its threads but two.
const threadPoolSize = Number((process.env['UV_THREADPOOL_SIZE'] ??= '8'))

const { run } = await import('./commands/run.ts')
const { askHidden, readStandardInput } = await import('./commands/terminal.ts')
const { readSettings } = await import('./config/from-process.ts')
const { systemClock } = await import('./kernel/clock.ts')
const { systemRandom } = await import('./kernel/random.ts')

process.exitCode = await run(process.argv.slice(2), {
  settings: () => readSettings(process.env),
  clock: systemClock,
  random: systemRandom,
  threadPoolSize,
  isTerminal: process.stdout.isTTY,
  standardInput: readStandardInput,
  standardInputBytes: () => process.stdin,
  askHidden: process.stdin.isTTY ? askHidden : undefined,
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
})

export {}
