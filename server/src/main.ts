// Before anything asks for the thread pool: password hashes may take all of its threads but two.
const threadPoolSize = Number((process.env['UV_THREADPOOL_SIZE'] ??= '8'))

const { explain, readSettings } = await import('./start.ts')
try {
  const { serve } = await import('./serve.ts')
  await serve(readSettings(), threadPoolSize)
} catch (error) {
  process.stderr.write(explain(error))
  process.exitCode = 1
}

export {}
