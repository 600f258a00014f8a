import { describe, expect, it } from 'vitest'
import { createWorld } from '../../../test/world.ts'
import { REFUSALS } from '../../kernel/refusal.ts'
import { translate } from '../../kernel/texts.ts'

const CODES = Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]

it('every code has a page in both languages: what it means, what to do, its status', async () => {
  const world = await createWorld()
  for (const language of ['en', 'fa'] as const) {
    for (const code of CODES) {
      const { status, headers, text } = await world.call('GET', `/errors/${code}/`, {
        headers: { 'accept-language': language },
      })
      expect([code, status, headers['content-language']]).toEqual([code, 200, language])
      expect(text).toContain(`<html lang="${language}" dir="${language === 'fa' ? 'rtl' : 'ltr'}">`)
      for (const part of ['title', 'help'] as const)
        expect(text).toContain(translate(language, `refusal.${code}.${part}`).replaceAll("'", '&#39;'))
      expect(text).toContain(`>${REFUSALS[code]}<`)
    }
  }
})

it('a list leads to every page', async () => {
  const world = await createWorld()
  const { text } = await world.call('GET', '/errors/')
  for (const code of CODES) expect(text).toContain(`<a href="/errors/${code}/">`)
})

it.each(['nothing', 'constructor', '__proto__', 'INVALID', '<b>', '%00'])('"%s" has none', async (code) => {
  const world = await createWorld()
  const { status, body, headers } = await world.call('GET', `/errors/${encodeURIComponent(code)}/`)
  expect([status, body.code, headers['content-type']]).toEqual([404, 'not_found', 'application/problem+json'])
})

it('the page a problem names is there', async () => {
  const world = await createWorld()
  const { body } = await world.call('GET', '/api/users/me/')
  const { status, text } = await world.call('GET', new URL(String(body.type)).pathname)
  expect(status).toBe(200)
  expect(text).toContain('not_authenticated')
})

describe('the bare address', () => {
  it.each([
    ['en', 'ltr', 'Try the API'],
    ['fa', 'rtl', 'آزمودن API'],
  ])('leads to everything else, in %s', async (language, direction, text) => {
    const world = await createWorld()
    const { status, headers, body } = await world.call('GET', '/', { headers: { 'accept-language': language } })
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(body).toContain(`dir="${direction}"`)
    expect(body).toContain(`<a href="/api/schema/ui/">${text}</a>`)
    const links = [...(body as string).matchAll(/href="(\/[^"]*)"/g)].map(([, path]) => path!)
    expect(links).toHaveLength(5)
    for (const path of links) expect((await world.call('GET', path)).status).toBe(200)
  })
})
