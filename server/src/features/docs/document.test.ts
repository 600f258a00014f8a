import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { OPENAPI } from '../../../test/openapi.ts'
import { createWorld } from '../../../test/world.ts'
import { REFUSALS } from '../../kernel/refusal.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

it('is committed as the server gives it; `npm run generate` rewrites it', async () => {
  const world = await createWorld()
  const { body } = await world.call('GET', '/api/schema/?format=json')
  const committed = readFileSync(`${ROOT}server/openapi.json`, 'utf8')
  expect(`${JSON.stringify(body, null, 2)}\n`).toBe(committed)
})

it('differs from one server to the next by the server alone', async () => {
  const settings = { PUBLIC_URL: 'https://id.example.com', PASSWORD_POLICY: 'nist', METRICS_TOKEN: 'a'.repeat(32) }
  const world = await createWorld({ settings })
  const { body } = await world.call('GET', '/api/schema/?format=json')
  expect(body.servers).toEqual([{ url: 'https://id.example.com', description: 'This server' }])
  expect({ ...body, servers: [] }).toEqual({ ...OPENAPI, servers: [] })
})

it('passes the linter', { timeout: 60_000 }, async () => {
  const redocly = fileURLToPath(new URL('../../../../node_modules/.bin/redocly', import.meta.url))
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' }
  const lint = promisify(execFile)(redocly, ['lint', 'server/openapi.json', '--format=stylish'], { cwd: ROOT, env })
  expect(await lint.catch((error: { stdout: string }) => error.stdout)).toMatchObject({
    stderr: expect.stringContaining('Your API description is valid'),
  })
})

/** The paths of a router's tree as Fastify prints it, four characters a level. */
function pathsIn(tree: string): string[] {
  const above: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part] = /^([│ ]*)[├└]── (\S+)/.exec(line) ?? []
    if (part === undefined) return []
    const depth = indent.length / 4
    above.splice(depth, above.length, part)
    return [above.join('')]
  })
}

it('has every path but those that are no part of the API', async () => {
  const world = await createWorld({ settings: { METRICS_TOKEN: 'a'.repeat(32) } })
  const paths = pathsIn(world.latchkey.app.printRoutes({ commonPrefix: false, method: 'GET' }))
  const documented = Object.keys(OPENAPI.paths).map((path) => path.replace(/\{(\w+)\}/g, ':$1').replace(/\/$/, ''))
  expect(documented.filter((path) => !paths.includes(path))).toEqual([])
  expect(paths.filter((path) => !documented.includes(path)).sort()).toEqual([
    '/',
    '/.well-known/change-password',
    '/account/undo',
    '/api/schema/assets/redoc.js',
    '/api/schema/assets/swagger-ui.css',
    '/api/schema/assets/swagger-ui.js',
    '/api/schema/redoc',
    '/api/schema/ui',
    '/dev/inbox',
    '/dev/inbox/messages',
    '/metrics',
    '/pages/form.js',
    '/password/forgotten',
    '/password/reset',
  ])
})

it('has every code of failure, each in an operation that answers it', () => {
  const codes = Object.keys(REFUSALS)
  expect(Object.keys(OPENAPI['x-refusals'])).toEqual(codes)
  const text = JSON.stringify({ paths: OPENAPI.paths, responses: OPENAPI.components.responses })
  const answered = codes.filter((code) => text.includes(`/examples/${code}"`) || text.includes(`"${code}":{"summary"`))
  // A method that is no operation answers it.
  expect(codes.filter((code) => !answered.includes(code))).toEqual(['method_not_allowed'])
})

it('gives every body it describes an example', () => {
  const { '/api/schema/': _itself, ...paths } = OPENAPI.paths
  const described = JSON.stringify(paths).split('"application/json":').slice(1)
  expect(described.length).toBeGreaterThan(20)
  for (const body of described) expect(body).toMatch(/^\{"schema":\{"\$ref":"[^"]+"\},"example":[[{]/)
})
