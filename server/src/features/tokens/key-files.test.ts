import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTokensWorld, newSecret } from '../../../test/tokens.ts'
import { minutes } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { withFileLock } from './file-lock.ts'
import { fileKeyStorage, type KeyStorage, memoryKeyStorage } from './key-store.ts'
import { type KeyVault, loadOrCreateKeys, readKeys, resealKeys, rotateKeys } from './keyring.ts'
import { KeysMissing, KeysUnfit } from './sealed-keys.ts'

const NOW = new Date('2026-03-01T12:00:00Z')

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

async function fileVault(changes: Partial<KeyVault> = {}): Promise<KeyVault> {
  const storage = fileKeyStorage(join(await dataFolder(), 'keys.json'))
  const common = { secret: newSecret(), random: systemRandom, algorithm: 'ES256', accessLifetime: minutes(15) } as const
  return { storage, ...common, ...changes }
}

const firstStart = (vault: KeyVault) => loadOrCreateKeys(vault, { mayCreate: true }, NOW)
const laterStart = (vault: KeyVault) => loadOrCreateKeys(vault, { mayCreate: false }, NOW)

describe('signing keys at start', () => {
  it('are made once and found again', async () => {
    const vault = await fileVault()
    const [made, ...others] = await firstStart(vault)
    expect(others).toEqual([])
    expect(made.signsFrom).toEqual(NOW)
    expect(await laterStart(vault)).toEqual([made])
    expect(await firstStart(vault)).toEqual([made])
  })

  it('lie in a file its owner alone can read, with no private member in the clear', async () => {
    const vault = await fileVault()
    const [key] = await firstStart(vault)
    const text = await readFile(vault.storage.place, 'utf8')
    expect(text).toContain(key.kid)
    expect(text).not.toContain(key.privateJwk.d)
    for (const name of await readdir(join(vault.storage.place, '..'))) {
      expect((await stat(join(vault.storage.place, '..', name))).mode & 0o777).toBe(0o600)
    }
  })

  it('are never made anew for a database that had some', async () => {
    const vault = await fileVault()
    await firstStart(vault)
    await rm(vault.storage.place)
    await expect(laterStart(vault)).rejects.toThrow(KeysMissing)
    await expect(laterStart(vault)).rejects.toThrow(/keys\.json\) are missing.*backup.*keys rotate --compromised/)
    await expect(rotateKeys(vault, { compromised: false }, NOW)).rejects.toThrow(KeysMissing)
    expect(await vault.storage.read()).toBeUndefined()
  })

  it('do not open under another SECRET_KEY, and stay as they are', async () => {
    const vault = await fileVault()
    await firstStart(vault)
    const before = await vault.storage.read()
    await expect(laterStart({ ...vault, secret: newSecret() })).rejects.toThrow(
      /SECRET_KEY is not the one it was sealed under/,
    )
    await expect(firstStart({ ...vault, secret: newSecret() })).rejects.toThrow(KeysUnfit)
    expect(await vault.storage.read()).toBe(before)
  })

  it.for([
    ['empty', () => ''],
    ['cut in the middle', (text: string) => text.slice(0, text.length / 2)],
    ['without any key', () => '{"version":1,"keys":[]}'],
    ['of a newer version', (text: string) => text.replace('"version": 1', '"version": 2')],
    ['with a moment that is none', (text: string) => text.replace(/"signsFrom": "[^"]+"/, '"signsFrom": "soon"')],
    [
      'with its last key ended',
      (text: string) => text.replace('"sealed"', '"dropsAt": "2026-01-01T00:00:00.000Z", "sealed"'),
    ],
    ['with a sealed key changed', (text: string) => text.replace(/"sealed": "..../, '"sealed": "AAAA')],
    ['with a key under another kid', (text: string) => text.replace(/"kid": "..../, '"kid": "AAAA')],
    ['with a key said to be of another algorithm', (text: string) => text.replace('"ES256"', '"EdDSA"')],
  ] as const)('refuse a file %s', async ([, damage]) => {
    const vault = await fileVault()
    await firstStart(vault)
    await writeFile(vault.storage.place, damage(await readFile(vault.storage.place, 'utf8')))
    await expect(firstStart(vault)).rejects.toThrow(KeysUnfit)
    await expect(rotateKeys(vault, { compromised: false }, NOW)).rejects.toThrow(KeysUnfit)
  })

  it('can be replaced as compromised, even when damaged or lost', async () => {
    const vault = await fileVault()
    await writeFile(vault.storage.place, 'damaged')
    const [fresh] = await rotateKeys(vault, { compromised: true }, NOW)
    expect(await laterStart(vault)).toEqual([fresh])
    await rm(vault.storage.place)
    await rotateKeys(vault, { compromised: true }, NOW)
    expect(await laterStart(vault)).toHaveLength(1)
  })

  it('survive a crash while they were being replaced', async () => {
    const vault = await fileVault()
    const keys = await firstStart(vault)
    await writeFile(`${vault.storage.place}.tmp`, '{"version":1,"ke')
    expect(await laterStart(vault)).toEqual(keys)
    expect(await rotateKeys(vault, { compromised: false }, NOW)).toHaveLength(2)
    expect(await readdir(join(vault.storage.place, '..'))).toEqual(['keys.json', 'keys.json.lock'])
  })

  it('get a successor of the new algorithm when JWT_ALGORITHM changed, with the usual overlap, once', async () => {
    const vault = await fileVault()
    const [old] = await firstStart(vault)
    const chain = await laterStart({ ...vault, algorithm: 'EdDSA' })
    expect(chain.map(({ algorithm }) => algorithm)).toEqual(['ES256', 'EdDSA'])
    expect(chain.at(-1)?.signsFrom).toEqual(chain[0].retiresAt)
    expect(chain[0].kid).toBe(old.kid)
    expect(await laterStart({ ...vault, algorithm: 'EdDSA' })).toEqual(chain)
  })

  it('can be sealed again under another SECRET_KEY', async () => {
    const vault = await fileVault()
    const keys = await firstStart(vault)
    const secret = newSecret()
    await resealKeys(vault, secret)
    await expect(readKeys(vault)).rejects.toThrow(KeysUnfit)
    expect(await readKeys({ ...vault, secret })).toEqual(keys)
  })
})

describe('several processes', () => {
  it('that start first at the same moment agree on one key', async () => {
    const folder = await dataFolder()
    const program = fileURLToPath(new URL('../../../test/first-start.ts', import.meta.url))
    const kids = await Promise.all(Array.from({ length: 4 }, () => run(program, join(folder, 'keys.json'))))
    expect(new Set(kids).size).toBe(1)
    expect(kids[0]).toMatch(/^[\w-]{43}$/)
  })

  it('see a rotation that another one made, by themselves', async () => {
    const vault = await fileVault()
    const w = await createTokensWorld({ storage: vault.storage, secret: vault.secret })
    onTestFinished(() => w.keyring.close())
    const token = w.signAccess()
    expect(w.tokens.verifyAccess(token, w.clock.now()).kind).toBe('valid')
    await w.keyring.refresh()
    await rotateKeys(vault, { compromised: true }, w.clock.now())
    await vi.waitUntil(() => w.tokens.verifyAccess(token, w.clock.now()).kind === 'invalid', { timeout: 15_000 })
    expect(w.tokens.verifyAccess(w.signAccess(), w.clock.now()).kind).toBe('valid')
  })

  it('go on with the keys they have when the file is damaged under them, and say so once', async () => {
    const vault = await fileVault()
    const faults: unknown[] = []
    const report = (fault: unknown) => faults.push(fault)
    const w = await createTokensWorld({ storage: vault.storage, secret: vault.secret, report })
    onTestFinished(() => w.keyring.close())
    const token = w.signAccess()
    await writeFile(vault.storage.place, 'damaged')
    await vi.waitUntil(() => faults.length > 0, { timeout: 15_000 })
    await expect(w.keyring.refresh()).rejects.toThrow(KeysUnfit)
    expect(faults).toEqual([expect.any(KeysUnfit)])
    expect(w.tokens.verifyAccess(token, w.clock.now()).kind).toBe('valid')
  })

  it('do not keep a lock when they die', async () => {
    const vault = await fileVault()
    const program = fileURLToPath(new URL('../../../test/first-start.ts', import.meta.url))
    const holder = spawn(process.execPath, [program, vault.storage.place, 'hold'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(await firstStart(vault)).toHaveLength(1)
  })
})

const storages: [string, () => Promise<KeyStorage>][] = [
  ['a file', async () => (await fileVault()).storage],
  ['memory', async () => memoryKeyStorage()],
]

describe.for(storages)('keys kept in %s', ([, create]) => {
  it('begin as nothing and become what is stored', async () => {
    const storage = await create()
    expect(await storage.read()).toBeUndefined()
    expect(await storage.update(async (text) => `${text} and one`)).toBe('undefined and one')
    expect(await storage.read()).toBe('undefined and one')
  })

  it('have another revision after each change and the same one without', async () => {
    const storage = await create()
    const revisions = [await storage.revision()]
    for (const text of ['a', 'b', 'b', 'a']) {
      await storage.update(async () => text)
      revisions.push(await storage.revision())
    }
    expect(revisions[2]).toBe(revisions[3])
    expect(new Set(revisions).size).toBe(4)
  })

  it('lose no change of twenty made at the same time', async () => {
    const storage = await create()
    await Promise.all(Array.from({ length: 20 }, () => storage.update(async (text) => `${text ?? ''}x`)))
    expect(await storage.read()).toBe('x'.repeat(20))
  })

  it('stay as they are when a change fails, and can be changed again', async () => {
    const storage = await create()
    await storage.update(async () => 'before')
    await expect(storage.update(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await storage.read()).toBe('before')
    expect(await storage.update(async () => 'after')).toBe('after')
  })
})

it('lets one holder of a lock work at a time', async () => {
  const path = join(await dataFolder(), 'lock')
  let holders = 0
  const work = async () => {
    holders++
    await new Promise((resolve) => setImmediate(resolve))
    expect(holders--).toBe(1)
  }
  await Promise.all(Array.from({ length: 10 }, () => withFileLock(path, work)))
})

async function run(program: string, ...parameters: string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  await once(child, 'close')
  return output.trim()
}
