import type { Given, Source } from './given.ts'
import { abridged } from './parse.ts'
import { SETTING_NAMES, settingNamed } from './settings.ts'
import type { SettingName } from './settings.ts'

/** What a setting is and where it came from, fit to be shown: a secret is told only to be set. */
export interface SettingSource {
  readonly name: SettingName
  readonly value: string
  readonly source: Source
}

/** One line for each setting, in the order of the documentation. */
export function sourcesOf(given: Given): SettingSource[] {
  return SETTING_NAMES.map((name) => {
    const setting = settingNamed(name)
    const written = given.get(name)
    if (!written) return { name, value: setting.default ?? '(not set)', source: 'default' }
    const value = setting.secret ? '(secret, set)' : abridged(written.text)
    return { name, value, source: written.source }
  })
}

/** The settings as a table for a terminal. */
export function formatSources(sources: readonly SettingSource[]): string {
  const nameWidth = Math.max(...sources.map(({ name }) => name.length))
  const sourceWidth = Math.max(...sources.map(({ source }) => source.length))
  return sources
    .map(({ name, value, source }) => `${name.padEnd(nameWidth)}  ${source.padEnd(sourceWidth)}  ${value}`)
    .join('\n')
}
