/**
 * Loaded before a measured program (`--import`): answers each IPC message `cpu` with the microseconds of processor time the
 * process has used until then, all its threads together.
 */
process.on('message', (message) => {
  if (message !== 'cpu') return
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
// Listening must not keep the program alive after its work is done.
process.channel?.unref()
