import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { type Random, systemRandom } from '../../kernel/random.ts'
import { sha1 } from './breached-format.ts'
import { importBreached, type ImportOptions, type ImportProgress } from './breached-import.ts'
import { readList } from './breached-lists.ts'

const RULES = { wordsOnly: false, random: systemRandom }

/** A file with this in it. */
function fileOf(content: string | Uint8Array, folder = temporaryFolder()): string {
  const path = join(folder, 'list.txt')
  writeFileSync(path, content)
  return path
}

function hashesIn(content: string | Uint8Array, wordsOnly = false): string[] {
  const found: string[] = []
  readList({ name: 'list.txt', path: fileOf(content) }, { wordsOnly }, (hash) => found.push(hash.toString('hex')))
  return found
}

const hex = (password: string): string => sha1(password).toString('hex')

describe('a list', () => {
  it('has hashes, with or without counts, in either case, and passwords, in any order and with either line end', () => {
    const list = [hex('one'), `${hex('two').toUpperCase()}:37`, 'three', ' four: 5 ', '', 'پنج', hex('six')]
    for (const end of ['\n', '\r\n'])
      for (const last of ['', end])
        expect(hashesIn(list.join(end) + last)).toEqual(['one', 'two', 'three', ' four: 5 ', 'پنج', 'six'].map(hex))
  })

  it('has passwords that look nearly like hashes', () => {
    const near = [hex('x').slice(1), `${hex('x')}0`, `${hex('x')}:`, `${hex('x')}:1a`, `${hex('x').slice(1)}g`]
    expect(hashesIn(near.join('\n'))).toEqual(near.map(hex))
  })

  it('has nothing but passwords when told so', () => {
    const lines = [hex('one'), `${'0'.repeat(32)}:5`]
    expect(hashesIn(lines.join('\n'), true)).toEqual(lines.map(hex))
  })

  it('may begin with a byte order mark', () => {
    expect(hashesIn(`\ufeff${hex('one')}\n`)).toEqual([hex('one')])
  })

  it.each([
    ['NTLM hashes', `one\n${'0'.repeat(32)}:5\n`, /list\.txt, line 2: these are NTLM hashes/],
    ['hashes without their first digits', `${hex('x').slice(5)}:5\n`, /lack their first five digits/],
    ['what is packed', Buffer.from('7z\xbc\xaf\x27\x1c\0\x04', 'latin1'), /is no text in UTF-8/],
    ['UTF-16', Buffer.from('\ufeffpassword\n', 'utf16le'), /is no text in UTF-8/],
  ])('is refused for %s', (_, content, why) => {
    expect(() => hashesIn(content)).toThrow(why)
  })

  it('is read alike wherever its pieces of a MiB are cut, and lines as long as one are passed over', () => {
    const filler = 'x'.repeat(1024 * 1024 - 30)
    const lines = [filler, 'one', hex('two'), 'three', 'y'.repeat(3 * 1024 * 1024), 'four', filler, 'five']
    expect(hashesIn(lines.join('\n'))).toEqual([filler, 'one', 'two', 'three', 'four', filler, 'five'].map(hex))
  })
})

describe('an import', () => {
  const passwords = Array.from({ length: 20_000 }, (_, index) => `leaked ${index}`)
  const sorted = passwords.map(hex).toSorted()

  async function imported(lines: readonly string[], options: Partial<ImportOptions> = {}): Promise<Buffer> {
    const folder = temporaryFolder()
    const path = join(folder, 'breached.filter')
    const half = Math.floor(lines.length / 2)
    const lists = [lines.slice(0, half), lines.slice(half)].map((part) => fileOf(part.join('\n')))
    await importBreached(path, lists, { ...RULES, ...options })
    expect(readdirSync(folder)).toEqual(['breached.filter'])
    return readFileSync(path)
  }

  it('makes the same file of words and of hashes, sorted or not, however little of it is in memory', async () => {
    const expected = await imported(passwords)
    expect(expected.length).toBe(64 + 8 * 8192)
    for (const lines of [passwords, sorted, passwords.map(hex)])
      for (const windowPages of [1, 3, 8, 100])
        expect((await imported(lines, { windowPages })).equals(expected)).toBe(true)
  })

  it('reads a sorted list twice and no more, and tells how far it is', async () => {
    const told = async (lines: readonly string[]) => {
      const seen: string[] = []
      await imported(lines, {
        windowPages: 2,
        onProgress: ({ stage, done, total }) => seen.push(`${stage} ${done / total}`),
      })
      return seen
    }
    expect(await told(sorted)).toEqual(['counting 0.5', 'counting 1', 'building 0.5', 'building 1'].map(roughly))
    expect(await told(passwords)).toHaveLength(2 + 2 * 4)

    // The halves differ by one line end.
    function roughly(text: string): unknown {
      return text.endsWith('0.5') ? expect.stringMatching(new RegExp(`^${text.slice(0, -3)}0\\.(49|5)`)) : text
    }
  })

  it('leaves the old file when it fails, and no draft', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'breached.filter')
    await importBreached(path, [fileOf('old')], RULES)
    const old = readFileSync(path)
    await expect(importBreached(path, [fileOf('new'), join(folder, 'none')], RULES)).rejects.toThrow(/There is no file/)
    await expect(importBreached(path, [folder], RULES)).rejects.toThrow(/is no file/)
    const failing = () => {
      throw new Error('the disk is full')
    }
    for (const stage of ['counting', 'building'] as const) {
      const onProgress = (progress: { stage: string }) => void (progress.stage === stage && failing())
      await expect(importBreached(path, [fileOf('new')], { ...RULES, onProgress })).rejects.toThrow(/disk is full/)
    }
    expect(readFileSync(path).equals(old)).toBe(true)
    expect(readdirSync(folder)).toEqual(['breached.filter'])
  })

  it('is refused when a list changes while it is read', async () => {
    const list = fileOf('one\ntwo\n')
    const onProgress = ({ stage, done, total }: ImportProgress) => {
      if (stage === 'building' && done === total) appendFileSync(list, 'three\n')
    }
    const path = join(temporaryFolder(), 'breached.filter')
    await expect(importBreached(path, [list], { ...RULES, onProgress })).rejects.toThrow(/changed while they were read/)
    expect(existsSync(path)).toBe(false)
  })

  it('clears away what one that was killed has left, and nothing else', async () => {
    const folder = temporaryFolder()
    const others = ['latchkey.db', 'keys.json.tmp', 'breached.filter.note']
    for (const name of ['breached.filter.0a1b.tmp', ...others]) writeFileSync(join(folder, name), '')
    await importBreached(join(folder, 'breached.filter'), [fileOf('one')], RULES)
    expect(readdirSync(folder).toSorted()).toEqual(['breached.filter', ...others].toSorted())
  })

  it('that is overtaken by another fails, and the other one’s file stays', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'breached.filter')
    const numbered = (byte: number): Random => ({ ...systemRandom, bytes: (count) => new Uint8Array(count).fill(byte) })
    const both = await Promise.allSettled(
      [1, 2].map((byte) => importBreached(path, [fileOf(`list ${byte}`)], { ...RULES, random: numbered(byte) })),
    )
    expect(both.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
    expect(existsSync(path)).toBe(true)
    expect(readdirSync(folder)).toEqual(['breached.filter'])
  })

  it('is the same whatever the lines are', async () => {
    const line = fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constantFrom(hex('a'), `${hex('b')}:3`, '', '\r'))
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
        const words = lines.join('\n')
        expect(hashesIn(words).every((hash) => /^[0-9a-f]{40}$/.test(hash))).toBe(true)
        expect(hashesIn(words).length).toBe(words.split('\n').filter((text) => text.replace(/\r$/, '') !== '').length)
      }),
    )
  })
})
