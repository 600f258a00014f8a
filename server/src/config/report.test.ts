import { expect, it } from 'vitest'
import { readConfig } from '../config.ts'
import { systemRandom } from '../kernel/random.ts'
import { formatSources } from './report.ts'
import { SETTING_NAMES } from './settings.ts'

it('lists every setting with its value and where it came from', () => {
  const secret = Buffer.from(systemRandom.bytes(24)).toString('hex')
  const lines = formatSources(readConfig({ PORT: '9000', SECRET_KEY: secret }, 'TIME_ZONE=Asia/Tehran').sources).split(
    '\n',
  )
  expect(lines).toHaveLength(SETTING_NAMES.length)
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^PORT +environment +9000$/),
      expect.stringMatching(/^SECRET_KEY +environment +\(secret, set\)$/),
      expect.stringMatching(/^TIME_ZONE +\.env +Asia\/Tehran$/),
      expect.stringMatching(/^HOST +default +127\.0\.0\.1$/),
      expect.stringMatching(/^PUBLIC_URL +default +\(not set\)$/),
    ]),
  )
})

it('keeps a value on its line and hides what a web address may hide', () => {
  const url = 'https://sms.example.com/send?token=hunter2'
  const secret = Buffer.from(systemRandom.bytes(24)).toString('hex')
  const text = formatSources(readConfig({ SMS_WEBHOOK_URL: url, SMS_WEBHOOK_SECRET: secret }).sources)
  expect(text).toContain('https://sms.example.com/send?…')
  expect(text).not.toContain('hunter2')
})
