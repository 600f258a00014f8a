import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

const TOPIC = 'data folder'
const GROUP_AND_OTHERS = 0o077
const MEBIBYTE = 1024 * 1024
// A migration copies the database aside, and SQLite's log may grow as large again.
const ROOM_IN_DATABASES = 2
const LEAST_ROOM_BYTES = 50 * MEBIBYTE

/** Who may read it, how large it is, and whether it can grow. On PostgreSQL none is needed, and a start makes none. */
export async function inspectFolder({ server, scale }: Config): Promise<Finding[]> {
  const path = server.dataDir
  try {
    return [...(await readers(path)), await room(path)]
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && scale.databaseUrl !== undefined)
      return [ok(TOPIC, `${path} is not there, and need not be: everything lies in PostgreSQL`)]
    if (code === 'ENOENT') return [ok(TOPIC, `${path} is not there yet: the first start makes it`)]
    return [fault(TOPIC, message)]
  }
}

async function readers(path: string): Promise<Finding[]> {
  if (process.platform === 'win32') return []
  const names = await readdir(path)
  const open: string[] = []
  for (const each of [path, ...names.map((name) => join(path, name))]) {
    const { mode } = await stat(each)
    if ((mode & GROUP_AND_OTHERS) !== 0) open.push(`${each} (${(mode & 0o777).toString(8).padStart(4, '0')})`)
  }
  if (open.length === 0) return [ok(TOPIC, `${path} is readable by its owner alone`)]
  return [warning(TOPIC, `others may reach ${open.join(', ')}: chmod 700 the folder, 600 the files`)]
}

async function room(path: string): Promise<Finding> {
  let bytes = 0
  for (const name of await readdir(path)) bytes += (await stat(join(path, name))).size
  const { bavail, bsize } = await statfs(path)
  const free = bavail * bsize
  const text = `${mebibytes(bytes)} used, ${mebibytes(free)} free on its disk`
  return free < Math.max(LEAST_ROOM_BYTES, bytes * ROOM_IN_DATABASES)
    ? warning(TOPIC, `${text}: make room`)
    : ok(TOPIC, text)
}

const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`
