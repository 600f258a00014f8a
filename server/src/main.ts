import { serve } from './serve.ts'

// Before anything of ours or of a library's asks for the thread pool: hashes may take all but two of its threads.
process.env['UV_THREADPOOL_SIZE'] ??= '8'

process.exitCode = await serve()
