import { IntlMessageFormat } from 'intl-messageformat'
import en from '../locales/en.json' with { type: 'json' }
import fa from '../locales/fa.json' with { type: 'json' }
import type { Language } from './language.ts'

/** The name of a text people read. English says which there are; a language that lacks one does not compile. */
export type TextId = keyof typeof en

/** What a text's placeholders stand for. Text given as a value is put in as it is, never read as a pattern. */
export type TextValues = Readonly<Record<string, string | number>>

const PATTERNS: Readonly<Record<Language, Readonly<Record<TextId, string>>>> = { en, fa }

const compiled = new Map<string, IntlMessageFormat>()

/**
 * The text in the reader's language, its ICU placeholders filled. `{n, number}` and `{n, plural, …}` use the language's own
 * digits, a bare `{n}` ASCII ones. Throws when a value the text names is not given: a fault of ours.
 */
export function translate(language: Language, id: TextId, values?: TextValues): string {
  return String(patternOf(language, id).format(values))
}

/** Patterns are compiled when first needed, so that none costs time at start. */
function patternOf(language: Language, id: TextId): IntlMessageFormat {
  const name = `${language} ${id}`
  let pattern = compiled.get(name)
  if (!pattern) {
    // Tags are not ours: a `<` in a text is a `<`.
    pattern = new IntlMessageFormat(PATTERNS[language][id], language, undefined, { ignoreTag: true })
    compiled.set(name, pattern)
  }
  return pattern
}
