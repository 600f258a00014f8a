import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { partsOf, writeArchive } from './archive.ts'
import { BackupUnfit } from './unfit.ts'

const BLOCK = 512

/** The parts of an archive of these texts, after `forge` changed the header of the first, whose sum is then made right. */
async function partsAfter(names: readonly string[], forge: (header: Buffer) => void): Promise<unknown> {
  const path = join(temporaryFolder(), 'backup.tar')
  await writeArchive(path, new Date(0), async (archive) => {
    for (const name of names) await archive.addText(name, 'text')
  })
  const bytes = await readFile(path)
  const header = bytes.subarray(0, BLOCK)
  forge(header)
  header.fill(' ', 148, 156)
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  await writeFile(path, bytes)
  const file = await open(path)
  onTestFinished(() => file.close())
  return partsOf(file).catch((error: unknown) => error)
}

const sized = (size: string) => (header: Buffer) => void header.write(size.padEnd(12, '\0'), 124)

it('finds what was put in, by its name', async () => {
  const parts = await partsAfter(['one', 'two'], () => {})
  expect(parts).toEqual(
    new Map([
      ['one', { offset: BLOCK, bytes: 4 }],
      ['two', { offset: 3 * BLOCK, bytes: 4 }],
    ]),
  )
})

// Never came to an end while a size below nothing was taken.
it.each(['-1000', '-777', 'zzz', '', '4z', '77777777777'])('refuses a size of %s', async (size) => {
  expect(await partsAfter(['one', 'two'], sized(size))).toBeInstanceOf(BackupUnfit)
})

it('refuses a size that no file has', async () => {
  const forge = (header: Buffer) => {
    header[124] = 0x80
    header.fill(0xff, 128, 136)
  }
  expect(await partsAfter(['one', 'two'], forge)).toBeInstanceOf(BackupUnfit)
})

// Which of the two a tar takes out is its own choice.
it('refuses two parts of one name', async () => {
  expect(await partsAfter(['one', 'one'], () => {})).toBeInstanceOf(BackupUnfit)
})
