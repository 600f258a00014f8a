import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, extname, join, relative, resolve } from 'node:path'
import { forbiddenArrow, forbiddenLibrary, importsOf, withoutComments } from './arrows.ts'

/** What the house forbids, told as `path:line: why`. Paths are relative to the root and written with `/`. */
export type Fault = string

export interface SourceFile {
  readonly path: string
  readonly text: string
}

const MAX_LINES = 300
const SOURCE = 'server/src/'
const WALKED = ['server/src', 'server/test', 'bench', 'docs', '.ci']
const TEXT = new Set(['.ts', '.js', '.md', '.json', '.yaml', '.html', '.css', '.eta', '.sh', ''])

/** Every text file a reader may open: the sources, the tests, the docs, and what lies at the root. */
export function readTree(root: string): SourceFile[] {
  const atRoot = readdirSync(root).filter((name) => statSync(join(root, name)).isFile() && !name.startsWith('.env'))
  const below = WALKED.flatMap((folder) => walk(join(root, folder)).map((path) => relative(root, path)))
  return [...atRoot, ...below]
    .filter((path) => TEXT.has(extname(path)) && path !== 'package-lock.json')
    .map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }))
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Everything wrong with one file, by every rule that concerns it. */
export function faultsOf(file: SourceFile): Fault[] {
  return [...anywhere(file), ...(file.path.endsWith('.ts') ? inCode(file) : [])]
}

const isTest = (path: string): boolean => path.endsWith('.test.ts')
const isProduct = (path: string): boolean => path.startsWith(SOURCE) && !isTest(path)

function inCode(file: SourceFile): Fault[] {
  const faults = [...tooLong(file), ...barrel(file), ...switchedOffTests(file)]
  if (file.path.startsWith(SOURCE)) faults.push(...takenTimeAndChance(file))
  if (isProduct(file.path)) faults.push(...arrows(file), ...environment(file))
  return faults
}

function tooLong({ path, text }: SourceFile): Fault[] {
  const lines = text.replace(/\n$/, '').split('\n').length
  return lines > MAX_LINES ? [`${path}:${lines}: more than ${MAX_LINES} lines`] : []
}

function barrel({ path }: SourceFile): Fault[] {
  return path.endsWith('/index.ts') ? [`${path}:1: a barrel: import the file that has it`] : []
}

function arrows({ path, text }: SourceFile): Fault[] {
  const from = path.slice(SOURCE.length)
  return importsOf(text).flatMap(({ specifier, typeOnly }) => {
    const why = specifier.startsWith('.')
      ? forbiddenArrow(from, resolveFrom(from, specifier), typeOnly)
      : forbiddenLibrary(from, specifier)
    return why === undefined ? [] : [`${path}:${lineOf(text, specifier)}: ${specifier}: ${why}`]
  })
}

const resolveFrom = (from: string, specifier: string): string =>
  relative('/', resolve('/', dirname(from), specifier)).replaceAll('\\', '/')

const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length

const TIME_AND_CHANCE =
  /\bDate\.now\b|\bnew Date(?:\(\s*\)|(?!\s*[\w($]))|(?<!new )\bDate\(\s*\)|\bMath\.random\b|\b(?:randomBytes|randomInt|randomUUID|randomFill(?:Sync)?|getRandomValues)\b/

/** Time and chance are given, never taken: only the kernel asks the machine for them, and tests may not either. */
function takenTimeAndChance(file: SourceFile): Fault[] {
  if (file.path.startsWith(`${SOURCE}kernel/`)) return []
  return matchingLines(file, withoutComments(file.text), TIME_AND_CHANCE, 'time and chance come as arguments')
}

/** The environment is read once, at the top, and checked by the config's one schema; features know nothing of it. */
function environment(file: SourceFile): Fault[] {
  if (/^server\/src\/(?:main|cli)\b/.test(file.path)) return []
  return matchingLines(file, withoutComments(file.text), /\bprocess\.env\b/, 'the environment is read at the top')
}

const SWITCHED_OFF = /\b(?:it|test|describe)(?:\.\w+)*\.(?:only|skip|skipIf|runIf|todo)\b|\.skip\(\s*\)/

/** A test that cannot run here says why, by needs() or by `skip` with a reason. */
function switchedOffTests(file: SourceFile): Fault[] {
  return matchingLines(file, withoutComments(file.text), SWITCHED_OFF, 'a test switched off without a reason')
}

// In brackets, so that this line is not what it looks for.
const UNFINISHED = /\b(?:T[O]DO|FI[X]ME|X[X]X)\b/
const SOMEONES_MACHINE = /(?<![\w.~-])\/(?:tmp|work|farm|root|home|Users)\/[A-Za-z]/

function anywhere(file: SourceFile): Fault[] {
  return [
    ...matchingLines(file, file.text, UNFINISHED, 'unfinished work'),
    ...matchingLines(file, file.text, SOMEONES_MACHINE, "a path of somebody's machine"),
  ]
}

function matchingLines(file: SourceFile, text: string, pattern: RegExp, why: string): Fault[] {
  return text.split('\n').flatMap((line, index) => {
    const found = pattern.exec(line)
    return found ? [`${file.path}:${index + 1}: ${found[0].trim()}: ${why}`] : []
  })
}
