import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { systemRandom } from '../../kernel/random.ts'
import { fileBytes, sha1, shapeFor } from './breached-format.ts'
import { importBreached } from './breached-import.ts'
import { type BreachedPasswords, openBreached } from './breached.ts'

/** The path of a filter of these passwords. */
async function filterOf(passwords: readonly string[], list = passwords.join('\n')): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'list.txt'), list)
  const path = join(folder, 'breached.filter')
  await importBreached(path, [join(folder, 'list.txt')], { wordsOnly: false, random: systemRandom })
  return path
}

async function opened(path: string): Promise<BreachedPasswords> {
  const breached = await openBreached(path)
  if (!breached) throw new Error(`there is no ${path}`)
  onTestFinished(() => breached.close())
  return breached
}

const numbered = (word: string, count: number): string[] => Array.from({ length: count }, (_, index) => word + index)

describe('breached passwords', () => {
  it('are found, every one, and fewer than 1 in 10 000 others are taken for one', async () => {
    const leaked = numbered('leaked ', 100_000)
    const breached = await opened(await filterOf(leaked))
    expect(leaked.filter((password) => !breached.has(password))).toEqual([])
    // Always the same 300 000: 20 of them would be by chance, 30 are allowed.
    expect(numbered('another ', 300_000).filter((password) => breached.has(password)).length).toBeLessThan(30)
  })

  it('are found whatever they are made of, composed in either way', async () => {
    const password = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => /^[^\r\n\0]+$/.test(text))
    await fc.assert(
      fc.asyncProperty(fc.array(password, { minLength: 1, maxLength: 20 }), async (leaked) => {
        const breached = (await openBreached(await filterOf(leaked)))!
        try {
          expect(leaked.every((each) => breached.has(each))).toBe(true)
        } finally {
          await breached.close()
        }
      }),
      { numRuns: 50 },
    )
    const breached = await opened(await filterOf(['Été à Paris'.normalize('NFC'), 'Café Noir'.normalize('NFD')]))
    for (const form of ['NFC', 'NFD'] as const)
      expect(['Été à Paris', 'Café Noir'].every((each) => breached.has(each.normalize(form)))).toBe(true)
    expect(breached.has('été à paris')).toBe(false)
  })

  it('take three bytes each on disk, and tell how many they are', async () => {
    const path = await filterOf(numbered('leaked ', 50_000))
    const breached = await opened(path)
    expect([breached.entries, breached.bytes]).toEqual([50_000, fileBytes(shapeFor(50_000))])
    expect(breached.bytes / breached.entries).toBeCloseTo(3, 0)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('may be none at all', async () => {
    expect(await openBreached(join(temporaryFolder(), 'breached.filter'))).toBeUndefined()
    const empty = await opened(await filterOf([]))
    expect([empty.entries, empty.has('Correct-Horse-7')]).toEqual([0, false])
  })
})

describe('a damaged file of breached passwords', () => {
  it('is refused, whichever byte of it was changed, and the cause is named', async () => {
    const path = await filterOf(numbered('leaked ', 100))
    const whole = readFileSync(path)
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
    await fc.assert(
      fc.asyncProperty(damage, async ([at, change]) => {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= change
        writeFileSync(path, bytes)
        await expect(openBreached(path)).rejects.toThrow(/breached\.filter (is damaged|was made by another version)/)
      }),
    )
  })

  it.each([
    ['is cut short', (path: string) => truncateSync(path, 5000), /has 5000 bytes and should have 8256/],
    ['is cut within its header', (path: string) => truncateSync(path, 20), /does not begin as one/],
    ['is empty', (path: string) => truncateSync(path, 0), /does not begin as one/],
    ['is something else', (path: string) => writeFileSync(path, 'words\n'.repeat(99)), /does not begin as one/],
    [
      'has one byte too many',
      (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(1)])),
      /has 8257 bytes/,
    ],
  ])('is refused when it %s', async (_, spoil, why) => {
    const path = await filterOf(['leaked'])
    spoil(path)
    await expect(openBreached(path)).rejects.toThrow(why)
    await expect(openBreached(path)).rejects.toThrow(/Import it again .* or remove the file/)
  })

  it('fails a look-up that meets it while in use, and lets nothing pass', async () => {
    const path = await filterOf(['leaked'])
    const breached = await opened(path)
    copyFileSync(path, `${path}.kept`)
    truncateSync(path, 64)
    expect(() => breached.has('leaked')).toThrow(/cut short/)
  })
})

it('a file that takes its place is seen at the next start, and the open one stays whole', async () => {
  const path = await filterOf(['old one'])
  const before = await opened(path)
  const list = join(temporaryFolder(), 'list.txt')
  writeFileSync(list, `${sha1('new one').toString('hex')}\n`)
  await importBreached(path, [list], { wordsOnly: false, random: systemRandom })
  expect([before.has('old one'), before.has('new one')]).toEqual([true, false])
  const after = await opened(path)
  expect([after.has('old one'), after.has('new one')]).toEqual([false, true])
})
