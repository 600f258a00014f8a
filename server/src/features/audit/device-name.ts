import Bowser from 'bowser'

/** What a user agent calls itself, for people: `Firefox on Windows`; empty when it names neither. */
export function deviceName(userAgent: string): string {
  if (userAgent === '') return ''
  const { browser, os } = Bowser.parse(userAgent)
  return [browser.name, os.name].filter((name) => name !== undefined && name !== '').join(' on ')
}
