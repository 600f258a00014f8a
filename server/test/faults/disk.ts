/**
 * A server whose data folder lies on a disk of a few megabytes, filled by registrations until nothing fits and then given
 * room again. Where no such disk may be made (it asks for root) the table says so.
 */
import { spawnSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Answer, type Api, apiOf, PASSWORD } from './api.ts'
import { newFolder } from './hosts.ts'
import { openFile } from './kill/records.ts'
import type { Report } from './report.ts'
import { startServer, UNTHROTTLED } from './server-process.ts'

const DISK = '8m'
const ASKED_WHILE_FULL = 20
const MOST_REGISTRATIONS = 2000

export async function diskFull(): Promise<Report> {
  const folder = newFolder()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', folder])
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true })
    return { rows: [{ disk: DISK, seen: 'not tried: no disk can be mounted here' }], violations: [] }
  }
  try {
    return await fillAndFree(folder)
  } finally {
    spawnSync('umount', [folder])
    rmSync(folder, { recursive: true })
  }
}

async function fillAndFree(folder: string): Promise<Report> {
  await using server = await startServer(folder, UNTHROTTLED)
  const api = apiOf(server.url)
  const violations: string[] = []
  const expect = (what: string, { status }: Answer, wanted: number): void => {
    if (status !== wanted) violations.push(`${what} was answered ${status}, not ${wanted}`)
  }
  const first = await signedIn(api)
  const filler = join(folder, 'filler')
  // All but a little, so that a few registrations do.
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - 300_000)))
  const registered = await registerUntilFull(api)
  const full: Answer[] = []
  for (let ask = 0; ask < ASKED_WHILE_FULL; ask++) full.push(await register(api, `full${ask}`))
  const reading = await api('GET', '/api/users/me/', { token: first.access })
  expect('a read while the disk was full', reading, 200)
  expect('/healthz while the disk was full', await api('GET', '/healthz'), 200)
  rmSync(filler)
  expect('a registration with room again', await register(api, 'later'), 201)
  for (const name of registered) expect(`I1: the sign-in of ${name}`, await signIn(api, name), 200)
  const acknowledged = full.flatMap(({ status }, ask) => (status === 201 ? [`full${ask}`] : []))
  for (const name of acknowledged) expect(`I1: the sign-in of ${name}`, await signIn(api, name), 200)
  const records = openFile(folder)
  const users = await records.rows('select count(*) as count from users')
  const known = 2 + registered.length + acknowledged.length
  if (users[0]?.['count'] !== known) violations.push(`${users[0]?.['count']} users, not the ${known} acknowledged`)
  violations.push(...(await records.damage()))
  await records.close()
  const row = {
    disk: DISK,
    'registered until full': registered.length,
    'answers while full': [...new Set(full.map(({ status }) => status))].join(),
    'a read while full': reading.status,
    broken: violations.length,
  }
  return { rows: [row], violations }
}

const emailOf = (name: string): string => `${name}@example.com`

// Long names, so that the pages at hand are soon full.
const register = (api: Api, name: string): Promise<Answer> =>
  api('POST', '/api/users/', {
    body: { email: emailOf(name), password: PASSWORD, first_name: 'a'.repeat(150), last_name: 'b'.repeat(150) },
  })

const signIn = (api: Api, name: string): Promise<Answer> =>
  api('POST', '/api/token/', { body: { email: emailOf(name), password: PASSWORD } })

async function signedIn(api: Api): Promise<{ access: string }> {
  await register(api, 'first')
  return (await signIn(api, 'first')).body
}

async function registerUntilFull(api: Api): Promise<string[]> {
  const registered: string[] = []
  for (let count = 0; count < MOST_REGISTRATIONS; count++) {
    if ((await register(api, `filler${count}`)).status !== 201) return registered
    registered.push(`filler${count}`)
  }
  throw new Error('the disk did not fill up')
}
