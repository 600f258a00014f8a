import { describe, expect, it } from 'vitest'
import { JSON_CASES } from '../../test/json-cases.ts'
import { postBytes } from '../../test/post.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld } from '../../test/world.ts'

const REQUIRED = ['This field is required.']

describe('a body that is JSON', () => {
  it('is read, whatever its members: only the ones asked for are missed', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (const { name, bytes } of JSON_CASES.filter(({ verdict }) => verdict === 'y')) {
      const { status, body } = await postBytes(world, '/api/token/', bytes)
      expect([name, status, body.code, body.email, body.password]).toEqual([name, 400, 'invalid', REQUIRED, REQUIRED])
    }
  })

  it('may be read as no JSON where RFC 8259 leaves it open, but never breaks anything', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (const { name, bytes } of JSON_CASES.filter(({ verdict }) => verdict === 'i')) {
      const { status, body } = await postBytes(world, '/api/token/', bytes)
      expect([name, status]).toEqual([name, 400])
      expect(['invalid', 'parse_error'], name).toContain(body.code)
    }
  })

  it('may name a member twice: the last counts', async () => {
    const world = await createWorld()
    const { email, password } = await world.signedInUser('twice@example.com')
    const both = `{"email":"nobody@example.com","email":"${email}","password":"x","password":"${password}"}`
    expect((await postBytes(world, '/api/token/', both)).status).toBe(200)
    const reversed = `{"email":"${email}","password":"${password}","email":"nobody@example.com"}`
    expect((await postBytes(world, '/api/token/', reversed)).status).toBe(401)
  })

  it('may be empty, which is an object without members', async () => {
    const world = await createWorld()
    const typed: Record<string, string> = { 'content-type': 'application/json' }
    for (const headers of [typed, {}]) {
      const { status, body } = await postBytes(world, '/api/token/', '', headers)
      expect([status, body.email, body.password]).toEqual([400, REQUIRED, REQUIRED])
    }
  })
})

describe('a body that is no JSON', () => {
  it('is a 400 whose detail begins as DRF says, with nothing of the body in it', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (const { name, bytes } of JSON_CASES.filter(({ verdict }) => verdict === 'n')) {
      const { status, body } = await postBytes(world, '/api/token/', bytes)
      expect([name, status, body.code]).toEqual([name, 400, 'parse_error'])
      expect(body.detail, name).toMatch(
        /^JSON parse error - (?:not JSON|not UTF-8|nested too deeply|unexpected character at position \d+)$/,
      )
    }
  })

  it('is not quoted, since it may hold a password', async () => {
    const world = await createWorld()
    const { body } = await postBytes(world, '/api/token/', '{"password": "Canary-Password-9" oops}')
    expect(body.code).toBe('parse_error')
    expect(JSON.stringify(body) + world.logged()).not.toContain('Canary')
  })

  it('is one that only white space makes up', async () => {
    const world = await createWorld()
    for (const blank of [' ', '\n', '\t \r\n']) {
      const { status, body } = await postBytes(world, '/api/token/', blank)
      expect([status, body.code]).toEqual([400, 'parse_error'])
    }
  })
})

describe('a body that is JSON but no object', () => {
  it('is a 400 that names its type as DRF does', async () => {
    const world = await createWorld()
    for (const [text, type] of [
      ['[]', 'list'],
      ['[{"email":"a@example.com"}]', 'list'],
      ['"email"', 'str'],
      ['""', 'str'],
      ['1', 'int'],
      ['-0', 'int'],
      ['1.5', 'float'],
      ['true', 'bool'],
      ['false', 'bool'],
    ] as const) {
      const { status, body } = await postBytes(world, '/api/token/', text)
      const fault = `Invalid data. Expected a dictionary, but got ${type}.`
      expect([text, status, body.non_field_errors]).toEqual([text, 400, [fault]])
    }
  })

  it('is a 400 too when it is null', async () => {
    const world = await createWorld()
    const { status, body } = await postBytes(world, '/api/token/', 'null')
    expect([status, body.non_field_errors]).toEqual([400, ['No data provided']])
  })
})

it('lets no member reach a prototype', async () => {
  const world = await createWorld()
  for (const text of ['{"__proto__":{"email":"a@example.com"}}', '{"constructor":{"prototype":{"polluted":1}}}'])
    expect((await postBytes(world, '/api/token/', text)).status).toBe(400)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

it('has enough cases of its own', () => {
  expect(JSON_CASES.length).toBeGreaterThanOrEqual(150)
  expect(new Set(JSON_CASES.map(({ name }) => name)).size).toBe(JSON_CASES.length)
})
