// Before anything asks for the thread pool: password hashes may take all of its threads but two.
const threadPoolSize = Number((process.env['UV_THREADPOOL_SIZE'] ??= '8'))

try {
  const { readSettings } = await import('./config/from-process.ts')
  const reading = readSettings(process.env)
  const { keepCompiled } = await import('./compose/compile-cache.ts')
  const compiled = keepCompiled(reading.config.server.dataDir)
  if (compiled !== undefined) process.env['NODE_COMPILE_CACHE'] ??= compiled // for the processes it starts
  const { start } = await import('./start.ts')
  await start(reading, { threadPoolSize, isTerminal: process.stdout.isTTY })
} catch (error) {
  const { explain } = await import('./compose/explain.ts')
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}

export {}
