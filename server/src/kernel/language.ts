/** The languages messages, pages and errors are written in. */
export const LANGUAGES = ['en', 'fa'] as const
export type Language = (typeof LANGUAGES)[number]

const isLanguage = (text: string): text is Language => (LANGUAGES as readonly string[]).includes(text)

/** The best of our languages for an `Accept-Language` header (RFC 9110 §12.5.4), or undefined when it names none of ours. */
export function negotiateLanguage(acceptLanguage: string | undefined): Language | undefined {
  if (acceptLanguage === undefined || acceptLanguage.length > 1000) return undefined
  let best: { language: Language; quality: number } | undefined
  for (const range of acceptLanguage.split(',')) {
    const [tag = '', ...parameters] = range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    const language = tag.split('-')[0]!
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = weight === undefined ? 1 : Number(weight.slice(2))
    if (isLanguage(language) && quality > (best?.quality ?? 0)) best = { language, quality }
  }
  return best?.language
}
