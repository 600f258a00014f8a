import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../config.ts'
import { renderDotenvExample, renderSettingsPage } from './render.ts'
import { SETTING_NAMES } from './settings.ts'

const committed = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

describe('what is said of the settings', () => {
  it.each([
    ['.env.example', renderDotenvExample],
    ['docs/settings.md', renderSettingsPage],
  ])('in %s is what the table says (else: npm run generate)', (path, render) => {
    expect(committed(path)).toBe(render())
  })

  it.each(SETTING_NAMES)('tells %s', (name) => {
    expect(committed('.env.example')).toMatch(new RegExp(`^# ${name}=`, 'm'))
    expect(committed('docs/settings.md')).toContain(`| \`${name}\` |`)
  })

  it('in .env.example changes nothing when every line is uncommented', () => {
    const dotenv = committed('.env.example').replace(/^# (?=[A-Z_]+=)/gm, '')
    expect(readConfig({}, dotenv).config).toEqual(readConfig({}).config)
  })
})
