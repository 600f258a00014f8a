/** Who may import whom, as DESIGN has it: a request falls in one direction and never climbs. */

/** From the lowest up. A feature imports the `service.ts` of those in earlier rows, and none of its own row. */
const FEATURE_ORDER: readonly (readonly string[])[] = [
  ['audit', 'attempts', 'tokens', 'passwords', 'idempotency', 'proof-of-work', 'sms-firewall'],
  ['users'],
  ['messages'],
  ['sessions', 'recovery-codes'],
  ['otp', 'totp', 'passkeys'],
  ['factors'],
  ['account'],
  ['signin'],
]

/** The kernel is pure: beside itself it may use what computes and touches nothing outside. */
const PURE_LIBRARIES = ['node:crypto', 'node:net', 'node:url', 'libphonenumber-js', 'intl-messageformat', 'zod']

export interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

// Comments go, strings stay. A template is the text of another program, not an import of this one.
const COMMENT_OR_STRING = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
const STATIC = /^[ \t]*(?:import|export)\s+(type\s)?(?:[\w*\s{},$]+?\s+from\s+)?['"]([^'"\n]+)['"]/gm
const TEMPLATE = /`(?:\\.|[^`\\])*`/g
const DYNAMIC = /\bimport\(\s*['"]([^'"\n]+)['"]/g

/** The source with its comments blanked; lines keep their numbers. */
export function withoutComments(source: string): string {
  return source.replace(COMMENT_OR_STRING, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token))
}

/** What a module imports or re-exports: static and dynamic, the latter when it names its module outright. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source).replace(TEMPLATE, '``')
  const fixed = [...code.matchAll(STATIC)].map(([, type, specifier = '']) => ({ specifier, typeOnly: Boolean(type) }))
  const dynamic = [...code.matchAll(DYNAMIC)].map(([, specifier = '']) => ({ specifier, typeOnly: false }))
  return [...fixed, ...dynamic]
}

/** What kind of place a file of `src/` is. */
type Kind =
  | 'top'
  | 'serve'
  | 'config'
  | 'compose'
  | 'command'
  | 'feature'
  | 'port'
  | 'adapter'
  | 'http'
  | 'database'
  | 'kernel'
  | 'asset'

/** `name` tells one feature or port from another. */
interface Place {
  readonly kind: Kind
  readonly name: string
}

const PLACES: readonly (readonly [RegExp, Kind])[] = [
  [/^(main|cli)\.ts$/, 'top'],
  [/^(serve|start|run-until-stopped)\.ts$/, 'serve'],
  [/^(processes)\//, 'serve'],
  [/^(config|ready)(?:\.ts$|\/)/, 'config'],
  [/^(compose)(?:\.ts$|\/)/, 'compose'],
  [/^(commands)\//, 'command'],
  [/^features\/([^/]+)\//, 'feature'],
  [/^ports\/([^/]+)\/port\.ts$/, 'port'],
  [/^ports\/([^/]+)\//, 'adapter'],
  [/^(http)\//, 'http'],
  [/^(database)\//, 'database'],
  [/^(kernel)\//, 'kernel'],
  [/\.json$/, 'asset'],
]

function placeOf(path: string): Place | undefined {
  for (const [pattern, kind] of PLACES) {
    const found = pattern.exec(path)
    if (found) return { kind, name: found[1] ?? path }
  }
  return undefined
}

/**
 * Why the file at `from` may not import the one at `to` (both relative to `src/`), or undefined when it may.
 */
export function forbiddenArrow(from: string, to: string, typeOnly: boolean): string | undefined {
  const source = placeOf(from)
  const target = placeOf(to)
  if (!source) return `${from} has no place in the house`
  if (!target) return `${to} has no place in the house`
  if (to.endsWith('.test.ts')) return 'a test is imported by nothing'
  if (target.kind === 'kernel' || ALLOWED[source.kind](source, target, to, typeOnly)) return undefined
  return REASONS[source.kind]
}

type Rule = (source: Place, target: Place, to: string, typeOnly: boolean) => boolean

const ALLOWED: Readonly<Record<Kind, Rule>> = {
  kernel: (_, target) => target.kind === 'asset',
  port: () => false,
  // Our database is outside to nobody: an adapter may keep what it must not forget in a table of ours, on the handle it is given.
  adapter: (source, target) =>
    ['port', 'database'].includes(target.kind) || (target.kind === 'adapter' && target.name === source.name),
  database: (_, target) => target.kind === 'database',
  http: (_, target, _to, typeOnly) =>
    target.kind === 'http' || target.kind === 'port' || (target.kind === 'database' && typeOnly),
  feature: (source, target, to) =>
    ['port', 'http', 'database', 'asset'].includes(target.kind) || reaches(source, target, to),
  config: (_, target) => target.kind === 'config' || target.kind === 'port',
  compose: (_, target) => !['top', 'serve', 'command'].includes(target.kind),
  serve: (_, target) => ['compose', 'config', 'serve', 'port', 'asset'].includes(target.kind),
  command: (_, target, to) =>
    ['compose', 'config', 'serve', 'command', 'database'].includes(target.kind) ||
    (target.kind === 'feature' && to.endsWith('/service.ts')),
  top: (source, target) =>
    ['compose', 'config', 'serve'].includes(target.kind) || (target.kind === 'command' && source.name === 'cli'),
  asset: () => false,
}

const REASONS: Readonly<Record<Kind, string>> = {
  kernel: 'the kernel imports only the kernel',
  port: 'a port imports only the kernel',
  adapter: 'an adapter imports only its own folder, ports, the database and the kernel',
  database: 'the database imports only the kernel',
  http: 'http imports only ports, the kernel, and of the database its types',
  feature: "a feature imports a lower feature's service.ts, the database, ports, http and the kernel",
  config: 'config imports only ports and the kernel',
  compose: 'compose knows every piece but not who runs it',
  serve: 'serving imports only compose, config, ports and the kernel',
  command: "a command imports only compose, config, serving, a feature's service.ts, the database and the kernel",
  top: 'main and cli import only compose, config, serving and the kernel, cli its commands too',
  asset: 'an asset imports nothing',
}

function reaches(source: Place, target: Place, to: string): boolean {
  if (target.kind !== 'feature') return false
  if (target.name === source.name) return true
  return to.endsWith('/service.ts') && rankOf(target.name) < rankOf(source.name)
}

/** A feature the order does not name reaches nothing and is reached by none. */
function rankOf(feature: string): number {
  const rank = FEATURE_ORDER.findIndex((row) => row.includes(feature))
  return rank === -1 ? Number.NaN : rank
}

/** Why a library may not be imported at `from`, or undefined when it may. */
export function forbiddenLibrary(from: string, library: string): string | undefined {
  const kind = placeOf(from)?.kind
  if (kind === 'port') return 'a port is our own words: it imports no library'
  if (kind !== 'kernel') return undefined
  const known = PURE_LIBRARIES.some((pure) => library === pure || library.startsWith(`${pure}/`))
  return known ? undefined : 'the kernel is pure: no I/O, no library but those listed'
}
