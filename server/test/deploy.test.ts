import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { sql } from 'kysely'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../src/config.ts'
import { SETTINGS } from '../src/config/settings.ts'
import { openDatabase } from '../src/database/open.ts'
import { insertUser, sessionRow, temporaryFolder } from './database.ts'
import { needs } from './needs.ts'
import { needsPostgres, stopPostgres } from './postgres.ts'

afterAll(stopPostgres)

const ROOT = resolve(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

// What a file says is looked at as it stands; a missing member fails the expectation that names it.
// oxlint-disable-next-line typescript/no-explicit-any
type Yaml = any

/** No moving tag: the same file brings the same programs tomorrow. */
const PINNED = /^[\w./-]+:v?\d+\.\d+(?:\.\d+)?(?:-\w+)?$/

const noSettings = (names: readonly string[]): string[] => names.filter((name) => !Object.hasOwn(SETTINGS, name))

describe('compose.yaml', () => {
  const { services, volumes }: Yaml = parse(read('compose.yaml'))

  it('gives the server settings that exist, and no other', () => {
    expect(noSettings(Object.keys(services.latchkey.environment))).toEqual([])
  })

  it('starts Latchkey alone unless a profile brings more', () => {
    const profiles = Object.fromEntries(Object.entries<Yaml>(services).map(([name, { profiles }]) => [name, profiles]))
    expect(profiles).toEqual({ latchkey: undefined, postgres: ['postgres'], redis: ['redis'], mail: ['mail'] })
    for (const needed of Object.values<Yaml>(services.latchkey.depends_on)) expect(needed.required).toBe(false)
    for (const name of Object.keys(services.latchkey.depends_on)) expect(services[name].healthcheck).toBeDefined()
  })

  it('pins every image, names every volume, and opens no port to other machines', () => {
    for (const { image, ports = [], volumes: mounts = [] } of Object.values<Yaml>(services)) {
      if (image !== undefined) expect(image).toMatch(PINNED)
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
      for (const mount of mounts) expect(Object.keys(volumes)).toContain(mount.split(':')[0])
    }
  })

  it('lets the server write to its data and nowhere else', () => {
    const { read_only, cap_drop, volumes: mounts, tmpfs } = services.latchkey
    expect({ read_only, cap_drop, mounts, tmpfs }).toEqual({
      read_only: true,
      cap_drop: ['ALL'],
      mounts: ['data:/var/lib/latchkey'],
      tmpfs: ['/tmp'],
    })
  })

  it('with the catcher of mail makes a start in production that nothing is missing for', () => {
    const given = {
      NODE_ENV: 'production',
      HOST: '0.0.0.0',
      PUBLIC_URL: 'https://auth.example.com',
      SECRET_KEY: 'k'.repeat(40),
      DATABASE_URL: 'postgres://latchkey:password@postgres:5432/latchkey',
      REDIS_URL: 'redis://redis:6379',
      EMAIL_HOST: 'mail',
      EMAIL_PORT: '1025',
      EMAIL_USE_TLS: 'false',
      EMAIL_FROM: 'accounts@example.com',
    }
    expect(readConfig(given).missingForProduction).toEqual([])
  })
})

describe('Dockerfile', () => {
  const text = read('Dockerfile')

  it('pins its base, runs as nobody special, and takes the files that a build makes', () => {
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)
    for (const base of bases) expect(base).toMatch(PINNED)
    expect(new Set(bases).size).toBe(1)
    expect(/^USER (\S+)$/m.exec(text)?.[1]).toBe('1000:1000')
    for (const script of text.matchAll(/server\/dist\/(\w+)\.js/g))
      expect(existsSync(join(ROOT, 'server/src', `${script[1]}.ts`))).toBe(true)
  })
})

describe('deploy/kubernetes.yaml', () => {
  const documents: Yaml[] = parseAllDocuments(read('deploy/kubernetes.yaml')).map((document) => document.toJS())
  const one = (kind: string): Yaml => documents.find((document) => document.kind === kind)
  const { spec } = one('Deployment')
  const pod = spec.template.spec
  const [container] = pod.containers

  it('has what it says it has, and no secret', () => {
    expect(documents.map(({ kind }) => kind)).toEqual([
      'ConfigMap',
      'Deployment',
      'PodDisruptionBudget',
      'Service',
      'NetworkPolicy',
    ])
    for (const { name, value, valueFrom } of container.env) {
      expect(value, name).toBeUndefined()
      expect(valueFrom.secretKeyRef).toMatchObject({ name: 'latchkey', key: name })
    }
    const open = Object.keys(one('ConfigMap').data)
    expect(open.filter((name) => (SETTINGS as Record<string, { secret?: boolean }>)[name]?.secret)).toEqual([])
  })

  it('gives settings that exist and go together', () => {
    const names: string[] = container.env.map(({ name }: Yaml) => name)
    expect(noSettings([...Object.keys(one('ConfigMap').data), ...names])).toEqual([])
    const secrets = { SECRET_KEY: 'k'.repeat(40), DATABASE_URL: 'postgres://a:b@db/latchkey', REDIS_URL: 'redis://r' }
    const given = { ...one('ConfigMap').data, ...secrets, EMAIL_HOST_PASSWORD: 'p', METRICS_TOKEN: 'x'.repeat(20) }
    expect(Object.keys(given)).toEqual(expect.arrayContaining(names))
    expect(readConfig({ NODE_ENV: 'production', HOST: '0.0.0.0', ...given }).missingForProduction).toEqual([])
  })

  it('asks routes that exist whether a pod lives and is ready, and labels what it selects', () => {
    const { paths } = JSON.parse(read('server/openapi.json')) as { paths: object }
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      expect(Object.keys(paths)).toContain(container[probe].httpGet.path)
      expect(container[probe].httpGet.port).toBe(container.ports[0].name)
    }
    const labels = spec.template.metadata.labels
    expect(spec.selector.matchLabels).toEqual(labels)
    expect(one('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels)
    expect(one('Service').spec.selector).toEqual(labels)
    expect(one('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels)
  })

  it('replaces pods without a moment of fewer, each after its last request', () => {
    expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 })
    const pause = Number(container.lifecycle.preStop.exec.command[1])
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(pause + 10)
    expect(one('PodDisruptionBudget').spec.minAvailable).toBeLessThan(spec.replicas)
  })

  it('runs as nobody special on a root that nothing is written to', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const mounted = container.volumeMounts.map(({ name }: Yaml) => name)
    expect(pod.volumes.map(({ name }: Yaml) => name)).toEqual(mounted)
    expect(container.image).toMatch(PINNED)
  })
})

it('deploy/latchkey.service is what systemd understands', (context) => {
  const analyze = needs(context, 'systemd')
  const folder = temporaryFolder()
  const unit = join(folder, 'latchkey.service')
  // What it runs does not lie where it will on the machine of an operator.
  spawnSync('sed', [`s#/usr/bin/node#${process.execPath}#; w ${unit}`, join(ROOT, 'deploy/latchkey.service')])
  const { status, stderr } = spawnSync(analyze, ['verify', unit], { encoding: 'utf8' })
  expect(stderr.split('\n').filter((line) => line.includes('latchkey'))).toEqual([])
  expect(status).toBe(0)
})

it('the pages of docs/deploy lead nowhere that is not there', () => {
  const folder = join(ROOT, 'docs/deploy')
  for (const name of readdirSync(folder)) {
    const links = [...read(`docs/deploy/${name}`).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, to]) => to!)
    for (const link of links) expect(existsSync(join(dirname(join(folder, name)), link)), `${name}: ${link}`).toBe(true)
  }
})

it('docs/deploy/backup.md makes a restored PostgreSQL fit for today', async (context) => {
  const url = await (await needsPostgres(context)).create()
  const { db, close } = await openDatabase({ location: { kind: 'postgres', url } })
  const userId = await insertUser(db, 'sara')
  await db.insertInto('sessions').values(sessionRow(userId)).execute()
  // An id far ahead of all there are: its user is deleted, and it is never to be another's (invariant I9).
  await sql`select setval(pg_get_serial_sequence('users', 'id'), 5000000)`.execute(db)
  const statements = /<<'SQL'\n([^]*?)SQL\n/.exec(read('docs/deploy/backup.md'))?.[1]
  const each = statements!.split(/;(?: --.*)?\n/).filter((text) => !/^(?:begin|commit|\s*)$/.test(text))
  expect(each.length).toBeGreaterThan(5)
  await db.transaction().execute(async (db) => {
    for (const text of each) await sql.raw(text).execute(db)
  })
  expect(await db.selectFrom('sessions').select('endReason').execute()).toEqual([{ endReason: 'ended_by_operator' }])
  expect(await insertUser(db, 'newcomer')).toBeGreaterThan(5_010_000 + 10 * 86_400)
  await close()
})
