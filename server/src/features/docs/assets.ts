import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Something that is the same for everyone and may be kept, as long as it is asked for anew (RFC 9111 §5.2.2.4). */
export interface Cacheable {
  /** As bytes, which every connection shares: text is encoded anew for each answer, and kept for each slow reader. */
  readonly body: Buffer
  readonly mediaType: string
  /** RFC 9110 §8.8.3. */
  readonly etag: string
}

export const cacheable = (text: string, mediaType: string): Cacheable => ({
  body: Buffer.from(text),
  mediaType,
  etag: `"${createHash('sha256').update(text).digest('base64url')}"`,
})

const SWAGGER_UI = join(dirname(fileURLToPath(import.meta.resolve('@fastify/swagger-ui/package.json'))), 'static')

/**
 * The build copies ReDoc's one bundle beside this module: as a dependency of the published package it would bring
 * React, MobX and two dozen others that nobody there needs. Run from the repository, it is read where it was installed.
 */
function redocBundle(): string {
  const copied = join(import.meta.dirname, 'redoc.standalone.js')
  return existsSync(copied) ? copied : fileURLToPath(import.meta.resolve('redoc/bundles/redoc.standalone.js'))
}

/** What ReDoc's bundle would fetch for its footer; taken out as it is read, so that nothing foreign is ever asked for. */
const REMOTE_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'

const SCRIPT = 'text/javascript; charset=utf-8'

const FILES = {
  'swagger-ui.js': { path: () => join(SWAGGER_UI, 'swagger-ui-bundle.js'), mediaType: SCRIPT },
  'swagger-ui.css': { path: () => join(SWAGGER_UI, 'swagger-ui.css'), mediaType: 'text/css; charset=utf-8' },
  'redoc.js': { path: redocBundle, mediaType: SCRIPT },
} as const

export type AssetName = keyof typeof FILES

export const ASSETS = Object.keys(FILES) as readonly AssetName[]

const loaded = new Map<AssetName, Promise<Cacheable>>()

/** A file of the pages, read when first asked for and kept. No name a client sends ever reaches the file system. */
export function asset(name: AssetName): Promise<Cacheable> {
  const known = loaded.get(name) ?? load(name)
  loaded.set(name, known)
  return known
}

async function load(name: AssetName): Promise<Cacheable> {
  const { path, mediaType } = FILES[name]
  const body = await readFile(path(), 'utf8')
  // The one thing either page would fetch from elsewhere: an empty picture stands in its place.
  return cacheable(body.replaceAll(REMOTE_LOGO, 'data:,'), mediaType)
}
