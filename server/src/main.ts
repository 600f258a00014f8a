// Before anything asks for the thread pool: password hashes may take all of its threads but two.
const threadPoolSize = Number((process.env['UV_THREADPOOL_SIZE'] ??= '8'))

const { explain } = await import('./compose/explain.ts')
try {
  const { readSettings } = await import('./config/from-process.ts')
  const { start } = await import('./start.ts')
  await start(readSettings(process.env), { threadPoolSize, isTerminal: process.stdout.isTTY })
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}

export {}
