import Bowser from 'bowser'

// No browser writes more of itself; and whoever calls chooses what the patterns below are run over.
const MAX_LENGTH = 300

/** The first product and nothing that follows (RFC 9110 §10.1.5). */
const PRODUCT = /^[\w.-]{1,40}/

/**
 * What a user agent calls itself, for people: `Firefox on Windows`. What is no browser is told by the product it names
 * first, such as `okhttp`; empty when it names nothing.
 */
export function deviceName(userAgent: string): string {
  const text = userAgent.slice(0, MAX_LENGTH)
  if (text === '') return ''
  const { browser, os } = Bowser.parse(text)
  const known = [browser.name, os.name].filter((name) => name !== undefined && name !== '')
  return browser.name ? known.join(' on ') : [PRODUCT.exec(text)?.[0] ?? '', ...known].filter(Boolean).join(' on ')
}
