import Bowser from 'bowser'

// No browser writes more of itself; and whoever calls chooses what the patterns below are run over.
const MAX_LENGTH = 300

/** The first product and nothing that follows (RFC 9110 §10.1.5), as far as it is a word. */
const PRODUCT = /^[A-Za-z][A-Za-z-]{0,23}/

const BROWSERS: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP))

/**
 * What a user agent calls itself, for people: `Firefox on Windows`. What is no browser is told by the product it names
 * first, such as `okhttp`; empty when it names nothing. Mails quote it, to addresses that whoever calls may have chosen: so
 * it holds no link, no number and no sentence of his.
 */
export function deviceName(userAgent: string): string {
  const text = userAgent.slice(0, MAX_LENGTH)
  if (text === '') return ''
  const { browser, os } = Bowser.parse(text)
  // Of what it does not know the library gives back the text.
  const program = BROWSERS.has(browser.name ?? '') ? browser.name : PRODUCT.exec(text)?.[0]
  return [program, os.name].filter((name) => name !== undefined && name !== '').join(' on ')
}
