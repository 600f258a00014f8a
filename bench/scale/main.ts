import { statfs, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataFiles } from '../../server/src/compose/foundation.ts'
import { startChild, type Child } from '../child.ts'
import { get, measure, type Measured } from '../load.ts'
import { fill, PASSWORD, SESSIONS_PER_USER } from './fill.ts'
import { clearAway } from './housekeeping.ts'
import { addressOf, refreshRequests, signInRequest } from './requests.ts'

/**
 * What the same request takes with a thousand users and with a million: fills a database of each size, asks a server on it one
 * thing at a time, and prints the median, the 99th percentile and the server's processor time, with their ratios to the first size. On SQLite under the
 * temporary folder, removed at the end; sizes as arguments, or `--keep FOLDER SIZE` for one that is filled already.
 */

const SECONDS = 2
const BYTES_A_USER = 12_000

const THROTTLES = ['ANON', 'USER', 'LOGIN', 'REGISTER', 'REFRESH', 'OTP_SEND', 'OTP_VERIFY', 'RESET']

/** The milliseconds of each question, ascending, and the processor's microseconds for each. */
interface Cost {
  readonly latencies: readonly number[]
  readonly cpu: number
}

type Row = ReadonlyMap<string, Cost>

async function main(arguments_: readonly string[]): Promise<void> {
  const [flag, folder, ...rest] = arguments_
  const isKept = flag === '--keep' && folder !== undefined
  const sizes = (isKept ? rest : arguments_.length > 0 ? arguments_ : ['1000', '100000']).map(Number)
  if (!sizes.every((size) => Number.isInteger(size) && size >= 1000)) throw new Error('sizes are numbers from 1000')
  console.log(`${availableParallelism()} cores, Node ${process.version}, SQLite, one request at a time\n`)
  const rows = new Map<number, Row>()
  for (const size of sizes) {
    if (isKept) rows.set(size, await measureSize(folder, size))
    else await inFolder(size, async (made) => void rows.set(size, await measureSize(made, size)))
  }
  print(rows)
}

/** A filled database that is gone afterwards, however it ends. */
async function inFolder(size: number, work: (folder: string) => Promise<void>): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir())
  const wanted = size * BYTES_A_USER * 2 // as much again while it is made
  if (bavail * bsize < wanted)
    throw new Error(`${size} users want ${gigabytes(wanted)} of disk, ${gigabytes(bavail * bsize)} are free`)
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-scale-'))
  try {
    const now = Math.floor(Date.now() / 1000)
    await fill(dataFiles(folder).database, { users: size, now, say: (text) => console.log(`  ${text}`) })
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

async function measureSize(folder: string, users: number): Promise<Row> {
  const off = Object.fromEntries(THROTTLES.map((name) => [`THROTTLE_${name}`, 'off']))
  const env = { ...off, DATA_DIR: folder, LOG_LEVEL: 'error' }
  const server = await startChild('../server/src/main.ts', env)
  const row = new Map<string, Cost>()
  const note = (name: string, cost: Cost): void => {
    row.set(name, cost)
    console.log(`  ${name.padEnd(34)} ${cell(cost)}`)
  }
  try {
    for (const [name, next] of await questions(server, folder, users)) note(name, await costOf(server, name, next))
  } finally {
    await server.stop()
  }
  const before = process.cpuUsage()
  const latencies = await clearAway(dataFiles(folder).database)
  const { user, system } = process.cpuUsage(before)
  note('housekeeping, one batch', { latencies, cpu: (user + system) / latencies.length })
  return row
}

async function costOf(server: Child, name: string, next: () => Buffer): Promise<Cost> {
  const before = server.usage().cpuMicroseconds
  const measured = await measure({ port: server.port, connections: 1, seconds: SECONDS, next })
  expectOnly(200, name, measured)
  const { latencies } = measured
  return { latencies, cpu: (server.usage().cpuMicroseconds - before) / latencies.length }
}

type Question = readonly [name: string, next: () => Buffer]

async function questions(server: Child, folder: string, users: number): Promise<Question[]> {
  const anyone = () => Math.floor(Math.random() * users)
  const admin = await signIn(server, 0)
  const someone = await signIn(server, 2)
  const list = (name: string, query: () => string): Question => [name, () => get(`/api/users/?${query()}`, admin)]
  const deep = await deepCursor(server, admin, users)
  return [
    ['sign-in', () => signInRequest(addressOf(activeOne(anyone())))],
    ['refresh', await refreshRequests(folder, users * SESSIONS_PER_USER)],
    ['me', () => get('/api/users/me/', someone)],
    ['own sessions', () => get('/api/sessions/', someone)],
    ['own activity', () => get('/api/activity/', someone)],
    list('list, first page', () => ''),
    list('list, offset in the middle', () => `offset=${Math.floor(users / 2)}`),
    list('list, offset near the end', () => `offset=${users - 50}`),
    list('list by e-mail, by cursor', () => 'ordering=email&cursor='),
    list('list, cursor in the middle', () => deep),
    list('list of the deactivated', () => 'is_active=false'),
    list('search, one whole address', () => `search=${addressOf(anyone())}`),
    list('search, an address begun', () => `search=${addressOf(anyone()).split('@')[0]}`),
    list('search, nobody found', () => 'search=zzqqx'),
    list('search, names, by cursor', () => 'search=leila,moradi&cursor='),
    list('search, Persian names, by cursor', () => `search=${encodeURIComponent('شیرین,رحیمی')}&cursor=`),
    list('search, two letters, by cursor', () => 'search=sa&cursor='),
    list('search, one in twenty, counted', () => 'search=leila'),
    ['audit, first page', () => get('/api/audit/', admin)],
  ]
}

/** Every hundredth is deactivated. */
const activeOne = (index: number): number => (index % 100 === 99 ? index - 1 : index)

async function signIn(server: Child, index: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${server.port}/api/token/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: addressOf(index), password: PASSWORD }),
  })
  if (!response.ok) throw new Error(`a sign-in was answered ${response.status}: ${await response.text()}`)
  return ((await response.json()) as { access: string }).access
}

/** The query of a page from the middle of the list by address: what follows somebody there. */
async function deepCursor(server: Child, token: string, users: number): Promise<string> {
  const ask = async (query: string): Promise<{ next: string | null }> => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`http://127.0.0.1:${server.port}/api/users/?${query}`, { headers })
    return (await response.json()) as { next: string | null }
  }
  const middle = addressOf(Math.floor(users / 2)).split('@')[0]!
  const { next } = await ask(`ordering=email&cursor=&search=${middle.slice(0, 6)}&limit=1`)
  return next === null ? 'ordering=email&cursor=' : next.slice(next.indexOf('?') + 1).replace(/&search=[^&]*/, '')
}

function expectOnly(status: number, name: string, { statuses }: Measured): void {
  if (statuses.size !== 1 || !statuses.has(status))
    throw new Error(`${name} was answered ${[...statuses].map(([code, count]) => `${count} × ${code}`).join(', ')}`)
}

const part = (latencies: readonly number[], of: number): number =>
  latencies[Math.floor((latencies.length - 1) * of)] ?? Number.NaN

const cell = ({ latencies, cpu }: Cost): string =>
  `p50 ${part(latencies, 0.5).toFixed(2)} ms, p99 ${part(latencies, 0.99).toFixed(2)} ms, ${cpu.toFixed(0)} µs CPU`

/** A table of Markdown: a line a question, p50 / p99 / CPU a size, and the ratios of the last size to the first. */
function print(rows: ReadonlyMap<number, Row>): void {
  const sizes = [...rows.keys()]
  const row = (size: number | undefined): Row => rows.get(size ?? 0)!
  console.log(`\n| p50 / p99 in ms / CPU in µs | ${sizes.map((size) => `${size} users`).join(' | ')} | ratio |`)
  console.log(`| --- |${' --- |'.repeat(sizes.length + 1)}`)
  for (const name of row(sizes[0]).keys()) {
    const figures = sizes.map((size) => figuresOf(row(size).get(name)!))
    const cells = figures.map(([p50, p99, cpu]) => `${p50!.toFixed(2)} / ${p99!.toFixed(2)} / ${cpu!.toFixed(0)}`)
    const ratios = figures.at(-1)!.map((figure, index) => (figure / figures[0]![index]!).toFixed(2))
    console.log(`| ${name} | ${cells.join(' | ')} | ${ratios.join(' / ')} |`)
  }
}

const figuresOf = ({ latencies, cpu }: Cost): number[] => [part(latencies, 0.5), part(latencies, 0.99), cpu]

await main(process.argv.slice(2))
