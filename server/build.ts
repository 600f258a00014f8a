import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Makes `dist/`, what the package publishes: the compiled sources, and beside them the files they read. */

const SOURCE = join(import.meta.dirname, 'src')
const DIST = join(import.meta.dirname, 'dist')
const PROJECT = join(import.meta.dirname, 'tsconfig.build.json')

/** Whether the compiler found nothing wrong; what it found it has printed. */
function compile(): boolean {
  const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')))
  return spawnSync(process.execPath, [tsc, '-p', PROJECT], { stdio: 'inherit' }).status === 0
}

/** Texts, templates, word lists: whatever lies among the sources and is no source. */
function copyAssets(): void {
  const isAsset = (path: string): boolean => statSync(path).isDirectory() || extname(path) !== '.ts'
  cpSync(SOURCE, DIST, { recursive: true, filter: isAsset })
}

/** ReDoc's one bundle and the licences in it: the published package does not depend on the rest of ReDoc. */
function copyRedoc(): void {
  const bundle = fileURLToPath(import.meta.resolve('redoc/bundles/redoc.standalone.js'))
  const copy = (from: string, to: string) => cpSync(join(bundle, from), join(DIST, 'features/docs', to))
  copy('.', 'redoc.standalone.js')
  copy('../redoc.standalone.js.LICENSE.txt', 'redoc.standalone.js.LICENSE.txt')
  copy('../../LICENSE', 'redoc.LICENSE.txt')
}

rmSync(DIST, { recursive: true, force: true })
if (compile()) {
  copyAssets()
  copyRedoc()
} else process.exitCode = 1
