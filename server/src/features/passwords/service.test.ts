import { hash as argon2, parseOptions } from '@node-rs/argon2'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../kernel/random.ts'
import { hashesAtOnce } from './hasher.ts'
import { createPasswords } from './service.ts'

const RULES = { passwordPolicy: 'composition', productName: 'Latchkey' } as const
const create = (atOnce = 2) => createPasswords({ config: RULES, random: systemRandom, hashesAtOnce: atOnce })

describe('a stored password', () => {
  it('is an Argon2id hash of the promised cost, with a salt of its own', async () => {
    const passwords = create()
    const [one, other] = await Promise.all([passwords.hash('A12345678a@'), passwords.hash('A12345678a@')])
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(parseOptions(one)).toMatchObject({ saltLen: 16, outputLen: 32 })
    expect(one).not.toBe(other)
  })

  it('matches itself, in either Unicode form, and nothing else', async () => {
    const passwords = create()
    const phc = await passwords.hash('Été-2026'.normalize('NFD'))
    expect(await passwords.verify(phc, 'Été-2026'.normalize('NFC'))).toEqual({ matches: true, needsRehash: false })
    for (const wrong of ['été-2026', ' Été-2026', 'Été-2026 ', 'Ete-2026', '']) {
      expect(await passwords.verify(phc, wrong)).toEqual({ matches: false, needsRehash: false })
    }
  })

  it('is never matched by text that only looks the same once its broken parts are replaced', async () => {
    const passwords = create()
    const phc = await passwords.hash('A\ufffd2345678')
    expect(await passwords.verify(phc, 'A\ud8002345678')).toMatchObject({ matches: false })
    await expect(passwords.hash('A\ud8002345678')).rejects.toThrow(TypeError)
  })

  it.each([
    ['less memory', { memoryCost: 4096 }],
    ['fewer passes', { timeCost: 1 }],
    ['another kind of Argon2', { algorithm: 1 }],
    ['an old version', { version: 0 }],
    ['a shorter digest', { outputLen: 16 }],
    ['a shorter salt', { salt: systemRandom.bytes(8) }],
  ])('made with %s matches and asks to be made anew, once it matches', async (_, options) => {
    const passwords = create()
    const phc = await argon2('A12345678a@', options)
    expect(await passwords.verify(phc, 'A12345678a@')).toEqual({ matches: true, needsRehash: true })
    expect(await passwords.verify(phc, 'B12345678b@')).toEqual({ matches: false, needsRehash: false })
  })

  it('made with more than today is left as it is', async () => {
    const phc = await argon2('A12345678a@', { memoryCost: 24_576, timeCost: 3 })
    expect(await create().verify(phc, 'A12345678a@')).toEqual({ matches: true, needsRehash: false })
  })
})

describe('no account', () => {
  it('costs one hash, as a real one does, and never matches', async () => {
    const passwords = create()
    const phc = await passwords.hash('A12345678a@')
    const costs: number[] = []
    for (const stored of [phc, undefined, undefined, phc]) {
      const before = passwords.load().done
      await passwords.verify(stored, 'B12345678b@')
      costs.push(passwords.load().done - before)
    }
    expect(costs).toEqual([1, 1, 1, 1])
    expect(await passwords.verify(undefined, '')).toEqual({ matches: false, needsRehash: false })
  })

  it.each([
    '',
    // What stands where there is no password.
    '!',
    'A12345678a@',
    '$2b$12$KIXQ0q1y7gJ6Y2m3c1m1UeV5b1n7q9cQw4r8t6y2u1i3o5p7a9s1d',
    'pbkdf2_sha256$260000$salt$hash',
    '$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA',
    '$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$argon2id$v=19$m=19456,t=4294967295,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$argon2id$v=19$m=8,t=1,p=200$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$argon2id$v=99$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '\ud800\0',
  ])('is what a stored string that is none of ours amounts to: %j', async (foreign) => {
    const passwords = create()
    expect(await passwords.verify(foreign, 'A12345678a@')).toEqual({ matches: false, needsRehash: false })
    expect(await passwords.verify(foreign, foreign)).toMatchObject({ matches: false })
    expect(passwords.load().done).toBe(2)
  })

  it('is what damage to a stored string amounts to, wherever it strikes', async () => {
    const passwords = create()
    const phc = await passwords.hash('A12345678a@')
    const damaged = fc
      .tuple(fc.nat(phc.length - 1), fc.constantFrom(...'$,=0aZ/+ é'.split('')), fc.nat(2))
      .map(([at, sign, cut]) => phc.slice(0, at) + sign + phc.slice(at + cut))
    await fc.assert(
      fc.asyncProperty(damaged, async (stored) => {
        expect((await passwords.verify(stored, 'B12345678b@')).matches).toBe(false)
      }),
    )
  })
})

describe('hashing', () => {
  it('happens beside the event loop, which goes on turning', async () => {
    const passwords = create()
    let turns = 0
    const turn = () => {
      turns += 1
      if (passwords.load().running > 0) setImmediate(turn)
    }
    setImmediate(turn)
    await Promise.all(Array.from({ length: 8 }, () => passwords.hash('A12345678a@')))
    expect(turns).toBeGreaterThan(8)
  })

  it('refuses the 33rd that would have to wait, hashing and comparing alike, and ends all the others', async () => {
    const passwords = create(2)
    const phc = await passwords.hash('A12345678a@')
    const others = Array.from({ length: 34 }, (_, index) =>
      index % 2 === 0
        ? passwords.hash('A12345678a@')
        : passwords.verify(index % 4 === 1 ? phc : undefined, 'A12345678a@'),
    )
    expect(passwords.load()).toMatchObject({ running: 2, waiting: 32 })
    await expect(passwords.verify(undefined, 'A12345678a@')).rejects.toMatchObject({ code: 'overloaded' })
    await expect(passwords.hash('A12345678a@')).rejects.toMatchObject({ code: 'overloaded' })
    await Promise.all(others)
    expect(passwords.load()).toEqual({ running: 0, waiting: 0, done: 35 })
  })

  it('is not begun for a client who has gone while waiting', async () => {
    const passwords = create(1)
    const client = new AbortController()
    const running = passwords.hash('A12345678a@')
    const gone = passwords.verify(undefined, 'A12345678a@', client.signal)
    client.abort()
    await expect(gone).rejects.toThrow(/abort/i)
    await running
    expect(passwords.load()).toEqual({ running: 0, waiting: 0, done: 1 })
  })

  it.each([
    [{ cores: 8, processes: 1, threadPoolSize: 16 }, 8],
    [{ cores: 8, processes: 4, threadPoolSize: 16 }, 2],
    [{ cores: 16, processes: 1, threadPoolSize: 4 }, 2],
    [{ cores: 2, processes: 4, threadPoolSize: 4 }, 1],
    [{ cores: 1, processes: 1, threadPoolSize: 1 }, 1],
  ])('leaves cores to other processes and two threads to other work: %j', (machine, atOnce) => {
    expect(hashesAtOnce(machine)).toBe(atOnce)
  })
})

it('judges by the policy and the name the operator chose', () => {
  const config = { passwordPolicy: 'nist', productName: 'A service of our own' } as const
  const passwords = createPasswords({ config, random: systemRandom, hashesAtOnce: 1 })
  expect(passwords.faultsOf('A12345678a@', {}).map((fault) => fault.id)).toEqual(['fault.password_too_short'])
  expect(passwords.faultsOf('a SERVICE of our own', {}).map((fault) => fault.id)).toEqual(['fault.password_personal'])
})
