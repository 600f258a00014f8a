import { describe, expect, it } from 'vitest'
import { IntlMessageFormat } from 'intl-messageformat'
import en from '../locales/en.json' with { type: 'json' }
import fa from '../locales/fa.json' with { type: 'json' }
import { translate, type TextId } from './texts.ts'

const IDS = Object.keys(en) as TextId[]

/** The names a pattern asks for, with the kind of each (argument, number, plural, …), however deep. */
function placeholders(pattern: string): string[] {
  const found = new Set<string>()
  const walk = (nodes: readonly object[]): void => {
    for (const node of nodes) {
      const { type, value, options } = node as { type: number; value?: unknown; options?: object }
      if (type !== LITERAL && type !== POUND) found.add(String(value))
      for (const option of Object.values(options ?? {})) walk((option as { value: object[] }).value)
    }
  }
  walk(new IntlMessageFormat(pattern, 'en', undefined, { ignoreTag: true }).getAst())
  return [...found].toSorted()
}
const LITERAL = 0
const POUND = 7

describe('texts', () => {
  it('exist in Persian exactly where they exist in English', () => {
    expect(Object.keys(fa).toSorted()).toEqual(Object.keys(en).toSorted())
  })

  it.each(IDS)('%s is not empty and asks for the same values in both languages', (id) => {
    expect(en[id].trim()).not.toBe('')
    expect(fa[id].trim()).not.toBe('')
    expect(placeholders(fa[id])).toEqual(placeholders(en[id]))
  })

  it.each(IDS)('%s is written with Persian letters, not the Arabic ones that look alike', (id) => {
    expect(fa[id]).not.toMatch(/[\u064A\u0643\u0660-\u0669]/) // yeh, kaf, Arabic digits
    expect(fa[id]).toMatch(/\p{Script=Arabic}/u)
  })

  it('keeps the quotation marks that clients of the first API compare with', () => {
    expect(translate('en', 'fault.not_a_choice', { value: 'Q' })).toBe('"Q" is not a valid choice.')
    expect(translate('en', 'fault.password_too_short', { min: 8 })).toBe('Ensure this field has at least 8 characters.')
  })

  it('never reads a value as a pattern', () => {
    const hostile = "it's {min} <b>'{'"
    expect(translate('en', 'fault.not_a_choice', { value: hostile })).toBe(`"${hostile}" is not a valid choice.`)
    expect(translate('fa', 'fault.not_a_choice', { value: hostile })).toContain(hostile)
  })

  it('holds no apostrophe that ICU would swallow together with a brace', () => {
    for (const id of IDS) expect([en[id], fa[id]].join()).not.toMatch(/'[{}]/)
  })

  it('fails loudly when a value is missing', () => {
    expect(() => translate('en', 'fault.password_too_short')).toThrow(/min/)
  })
})
