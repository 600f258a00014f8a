import { describe, expect, it } from 'vitest'
import { readConfig } from '../config.ts'
import { days, hours, minutes, seconds } from '../kernel/duration.ts'
import { namedIn } from '../../test/settings.ts'

const configOf = (environment: Record<string, string>) => readConfig(environment).config

describe('a yes or no', () => {
  it.each(['True', 'true', 'TRUE', '1', 'yes', 'on', 'ok', 'y', '"True"', "'on'", ' true '])('%s is yes', (text) => {
    expect(configOf({ DEBUG: text }).server.logLevel).toBe('debug')
  })
  it.each(['False', 'false', '0', 'no', 'off', 'n', '"False"'])('%s is no', (text) => {
    expect(configOf({ DEBUG: text }).server.logLevel).toBe('info')
  })
  it.each(['maybe', '2', 'truee', 'null'])('%s is neither, and not taken for no', (text) => {
    expect(namedIn({ DEBUG: text })).toEqual(['DEBUG'])
  })
})

describe('a length of time', () => {
  it.each([
    ['15m', minutes(15)],
    ['10 min', minutes(10)],
    ['90', seconds(90)],
    ['90s', seconds(90)],
    ['1S', seconds(1)],
  ])('%s is understood', (text, expected) => {
    expect(configOf({ ACCESS_TOKEN_LIFETIME: text }).tokens.accessLifetime).toBe(expected)
  })
  it.each([
    ['7d', days(7)],
    ['1h', hours(1)],
    ['2 days', days(2)],
  ])('%s is understood', (text, expected) => {
    expect(configOf({ REFRESH_TOKEN_LIFETIME: text }).tokens.refreshLifetime).toBe(expected)
  })
  it.each(['0', '-5m', '1.5m', '15 fortnights', '1m30s', '1e2', '0x10', '۵', '901', '16m'])('%s is refused', (text) => {
    expect(namedIn({ ACCESS_TOKEN_LIFETIME: text })).toEqual(['ACCESS_TOKEN_LIFETIME'])
  })
})

describe('a rate', () => {
  it.each([
    ['100/day', 100, days(1)],
    ['5/min', 5, minutes(1)],
    ['20/hour', 20, hours(1)],
    ['2/s', 2, seconds(1)],
    ['3/seconds', 3, seconds(1)],
    ['7/d', 7, days(1)],
    [' 1 / m ', 1, minutes(1)],
  ])('%s is understood', (text, quota, period) => {
    expect(configOf({ THROTTLE_ANON: text }).throttles.anon).toEqual({ quota, period })
  })
  it.each(['off', 'OFF'])('%s means no limit', (text) => {
    expect(configOf({ THROTTLE_LOGIN: text }).throttles.login).toBeUndefined()
  })
  it.each(['', ' '])('left empty (%j) means the default, not no limit', (text) => {
    expect(configOf({ THROTTLE_LOGIN: text }).throttles.login).toEqual({ quota: 20, period: minutes(1) })
  })
})

describe('a list', () => {
  it.each([
    'localhost,127.0.0.1',
    'localhost, 127.0.0.1,',
    'localhost 127.0.0.1',
    "['localhost', '127.0.0.1']",
    '["localhost","127.0.0.1"]',
    '"localhost,127.0.0.1"',
    'LOCALHOST,127.0.0.1,localhost',
  ])('is read from %s', (text) => {
    expect(configOf({ ALLOWED_HOSTS: text }).server.allowedHosts).toEqual(['localhost', '127.0.0.1'])
  })
  it.each([
    ['*', ['*']],
    ["['*']", ['*']],
    ['[*]', ['*']],
    ['.example.com', ['.example.com']],
    ['[::1]', ['[::1]']],
    ['::1', ['[::1]']],
  ])('of hosts may be %s', (text, expected) => {
    expect(configOf({ ALLOWED_HOSTS: text }).server.allowedHosts).toEqual(expected)
  })
  it.each(['http://localhost', 'localhost:8000', '*.example.com', 'a..b', '.', '256.1.1.1', ','])(
    'of hosts may not be %s',
    (text) => {
      expect(namedIn({ ALLOWED_HOSTS: text })).toEqual(['ALLOWED_HOSTS'])
    },
  )
})

describe('an address on the network', () => {
  it.each(['10.0.0.1', '10.0.0.0/8', 'fd00::/8', '::1', '192.168.0.0/16,10.0.0.0/32'])('%s may be a proxy', (text) => {
    expect(configOf({ TRUSTED_PROXIES: text }).server.trustedProxies).toEqual(text.split(','))
  })
  it.each([
    ['loopback', ['127.0.0.0/8', '::1']],
    ['Private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
    ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
    ['loopback, 203.0.113.7, ::1', ['127.0.0.0/8', '::1', '203.0.113.7']],
  ])('%s may name proxies', (text, ranges) => {
    expect(configOf({ TRUSTED_PROXIES: text }).server.trustedProxies).toEqual(ranges)
  })
  it('of Cloudflare is one of the ranges it publishes', () => {
    const ranges = configOf({ TRUSTED_PROXIES: 'cloudflare' }).server.trustedProxies
    expect(ranges).toHaveLength(22)
    expect(ranges.map((range) => configOf({ TRUSTED_PROXIES: range }).server.trustedProxies)).toEqual(
      ranges.map((range) => [range]),
    )
  })
  it.each([
    'localhost',
    'uniquelocal',
    'constructor',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    'proxy.local',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '*',
  ])('%s may not be a proxy', (text) => {
    expect(namedIn({ TRUSTED_PROXIES: text })).toEqual(['TRUSTED_PROXIES'])
  })
  it.each([
    ['https://auth.example.com', 'https://auth.example.com'],
    ['https://auth.example.com/', 'https://auth.example.com'],
    ['HTTPS://Auth.Example.com:443', 'https://auth.example.com'],
    ['http://localhost:8000/', 'http://localhost:8000'],
    ['http://[::1]:8000', 'http://[::1]:8000'],
  ])('%s may be the public one', (text, expected) => {
    expect(configOf({ PUBLIC_URL: text }).server.publicUrl).toBe(expected)
  })
  it.each([
    'auth.example.com',
    '//auth.example.com',
    'https://example.com/auth',
    'https://example.com/?a',
    'https://example.com?',
    'https://example.com/#',
    'https://me@example.com',
    'https:///example.com/',
    'https:\\\\example.com',
    'https://*.example.com',
    'ftp://example.com',
    'https://',
    'https://exa mple.com',
    'https://example.com:99999',
  ])('%s may not be the public one', (text) => {
    expect(namedIn({ PUBLIC_URL: text })).toEqual(['PUBLIC_URL'])
  })
  it.each(['null', 'https://*.example.com', 'https://example.com/app', 'example.com', 'capacitor://localhost'])(
    '%s may not call us from a browser',
    (text) => {
      expect(namedIn({ CORS_ORIGINS: text })).toEqual(['CORS_ORIGINS'])
    },
  )
  it('is taken as the origin a browser sends', () => {
    expect(configOf({ CORS_ORIGINS: 'https://App.example.com/, http://localhost:3000' }).server.corsOrigins).toEqual([
      'https://app.example.com',
      'http://localhost:3000',
    ])
  })
})

describe('a name', () => {
  it.each(['Asia/Tehran', 'UTC', 'America/Argentina/Buenos_Aires'])('%s is a time zone', (text) => {
    expect(configOf({ TIME_ZONE: text }).timeZone).toBe(text)
  })
  it.each(['Tehran', 'Asia/Teheran', '+03:30', 'GMT+3', '3'])('%s is none', (text) => {
    expect(namedIn({ TIME_ZONE: text })).toEqual(['TIME_ZONE'])
  })
  it.each(['info', 'INFO', 'Info'])('%s is a level in any case', (text) => {
    expect(configOf({ LOG_LEVEL: text }).server.logLevel).toBe('info')
  })
  it('of a product may be Persian, with its joiners', () => {
    expect(configOf({ PRODUCT_NAME: 'فروشگاه\u200cها' }).productName).toBe('فروشگاه\u200cها')
  })
  it.each(['urn:example:auth', 'example', 'https://example.com/a'])('%s may be an issuer', (text) => {
    expect(configOf({ JWT_ISSUER: text }).tokens.issuer).toBe(text)
  })
})
