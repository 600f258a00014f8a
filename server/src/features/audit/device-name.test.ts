import { expect, it } from 'vitest'
import { deviceName } from './device-name.ts'

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0'
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

it.each([
  [FIREFOX, 'Firefox on Windows'],
  [SAFARI, 'Safari on iOS'],
  ['curl/8.14.1', 'curl'],
  ['okhttp/4.12.0', 'okhttp'],
  ['', ''],
  ['python-requests/2.32.3', 'python-requests'],
  ['<script>alert(1)</script>', ''],
])('tells of %j as %j', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name)
})

it('is the same for every version of a program, so that an update is no new device', () => {
  expect(deviceName(FIREFOX.replaceAll('145.0', '146.0'))).toBe(deviceName(FIREFOX))
})

it('reads no more of a user agent than browsers write', () => {
  expect(deviceName(`${'x'.repeat(300)} Firefox/145.0`)).toBe('x'.repeat(24))
})

it.each([
  ['Visit http://evil.example/ now/1.0', 'Visit'],
  ['www.evil.example/9', 'www'],
  ['Call-0900-123456 (Windows NT 10.0) now/1', 'Call- on Windows'],
])('quotes of %j no link, no number and no sentence: mails to strangers hold it', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name)
})
