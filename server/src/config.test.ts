import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { namedIn, problemsOf } from '../test/settings.ts'
import { readConfig } from './config.ts'
import { ConfigError } from './config/problem.ts'
import type { SettingName } from './config/settings.ts'
import { minutes } from './kernel/duration.ts'
import { systemRandom } from './kernel/random.ts'

const secretText = (): string => Buffer.from(systemRandom.bytes(32)).toString('hex')

const sourceOf = (name: SettingName, ...[environment, dotenv]: Parameters<typeof readConfig>) =>
  readConfig(environment, dotenv).sources.find((source) => source.name === name)

describe('settings', () => {
  it('need not be there', () => {
    const { config, warnings } = readConfig({})
    expect(config).toMatchObject({
      production: false,
      mail: undefined,
      sms: [],
      secretKey: undefined,
    })
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      dataDir: resolve('data'),
      publicUrl: undefined,
    })
    expect(warnings).toEqual([])
  })

  it('from the environment win over .env', () => {
    expect(readConfig({ PORT: '1' }, 'PORT=2').config.server.port).toBe(1)
    expect(readConfig({}, 'PORT=2').config.server.port).toBe(2)
  })

  it.each(['', '  '])('left empty (%j) are not set', (empty) => {
    expect(readConfig({ PORT: empty, PUBLIC_URL: empty, SECRET_KEY: empty }, 'PORT=2').config).toMatchObject({
      server: { port: 2, publicUrl: undefined },
      secretKey: undefined,
    })
  })

  it('are known by where they came from, secrets only as set', () => {
    const secret = secretText()
    expect(sourceOf('PORT', {}, 'PORT=2')).toEqual({ name: 'PORT', value: '2', source: '.env' })
    expect(sourceOf('PORT', { PORT: '1' }, 'PORT=2')).toEqual({ name: 'PORT', value: '1', source: 'environment' })
    expect(sourceOf('PORT', {})).toEqual({ name: 'PORT', value: '8000', source: 'default' })
    expect(sourceOf('PUBLIC_URL', {})).toEqual({ name: 'PUBLIC_URL', value: '(not set)', source: 'default' })
    expect(sourceOf('SECRET_KEY', { SECRET_KEY: secret })?.value).toBe('(secret, set)')
  })

  it('debug by DEBUG unless a log level is set', () => {
    expect(readConfig({ DEBUG: 'True' }).config.server.logLevel).toBe('debug')
    expect(readConfig({ DEBUG: 'True', LOG_LEVEL: 'warn' }).config.server.logLevel).toBe('warn')
  })

  it('that are wrong are told as one error with every one of them', () => {
    expect(() => readConfig({ PORT: 'x', HOST: 'a b' })).toThrow(ConfigError)
    expect(() => readConfig({ PORT: 'x', HOST: 'a b' })).toThrow(
      /^2 problems with the settings:\n {2}HOST must .*\n {2}PORT must/,
    )
  })

  it('warn of a proxy in front of a server that does not know its public address', () => {
    const { warnings } = readConfig({ TRUSTED_PROXIES: '10.0.0.1' })
    expect(warnings.map(({ setting }) => setting)).toEqual(['TRUSTED_PROXIES', 'EMAIL_HOST'])
  })
})

describe("the origin's .env", () => {
  it('works as it is', () => {
    // Django draws its keys from these: abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)
    const tail = `${Buffer.from(systemRandom.bytes(8)).toString('hex')}#$x(!^&*=+)-_@%`
    const password = Buffer.from(systemRandom.bytes(8)).toString('hex')
    const { config } = readConfig(
      {},
      [
        `SECRET_KEY='django-insecure-${tail}'`,
        'DEBUG=True',
        'ALLOWED_HOSTS=*',
        'TIME_ZONE=Asia/Tehran',
        '',
        '# mail',
        'EMAIL_HOST_USER=someone@gmail.com',
        `EMAIL_HOST_PASSWORD=${password.replace(/(.{4})(?=.)/g, '$1 ')}`,
        'OTP_EXPIRY_MINUTES=2',
        `KAVENEGAR_API_KEY="${password}"`,
      ].join('\r\n'),
    )
    expect(config).toMatchObject({
      secretKey: `django-insecure-${tail}`,
      server: { allowedHosts: ['*'], logLevel: 'debug' },
      timeZone: 'Asia/Tehran',
      mail: { host: 'smtp.gmail.com', port: 587, user: 'someone@gmail.com', password },
      codes: { lifetime: minutes(2) },
      sms: [{ kind: 'kavenegar', apiKey: password }],
    })
  })

  it('works with an unquoted key too, whole', () => {
    const key = `django-insecure-${secretText()}#$x(!^&*=+)-_@%`
    const { config } = readConfig({}, `SECRET_KEY=${key}\nDEBUG=False`)
    expect([config.secretKey, config.server.logLevel]).toEqual([key, 'info'])
  })
})

describe('a secret in a file', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-settings-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function fileWith(content: string | Uint8Array): string {
    const path = join(folder, Buffer.from(systemRandom.bytes(8)).toString('hex'))
    writeFileSync(path, content)
    return path
  }

  it.each(['', '\n', '\r\n'])('is read without the newline at its end (%j)', (newline) => {
    const secret = secretText()
    const reading = readConfig({ SECRET_KEY_FILE: fileWith(`${secret}${newline}`) })
    expect(reading.config.secretKey).toBe(secret)
    expect(reading.sources).toContainEqual({ name: 'SECRET_KEY', value: '(secret, set)', source: 'file' })
  })

  it('may be named in .env', () => {
    const secret = secretText()
    expect(readConfig({}, `SECRET_KEY_FILE=${fileWith(secret)}`).config.secretKey).toBe(secret)
  })

  it('contradicts the secret itself', () => {
    const path = fileWith(secretText())
    expect(problemsOf({ SECRET_KEY_FILE: path }, `SECRET_KEY=${secretText()}`)).toEqual([
      { setting: 'SECRET_KEY', message: 'and SECRET_KEY_FILE are both set: keep one of them' },
    ])
  })

  it('is named by its path when it cannot be read', () => {
    const path = join(folder, 'nowhere')
    expect(problemsOf({ SECRET_KEY_FILE: path })[0]?.message).toBe(
      `is read from ${path}, which cannot be read (ENOENT)`,
    )
    expect(problemsOf({ SECRET_KEY_FILE: folder })[0]?.message).toContain('EISDIR')
    expect(problemsOf({ SECRET_KEY_FILE: fileWith('\n') })[0]?.message).toContain('which is empty')
    expect(problemsOf({ SECRET_KEY_FILE: fileWith(Uint8Array.of(0xff, 0xfe)) })[0]?.message).toContain('cannot be read')
  })

  it('is one mistake when it cannot be read, not two', () => {
    const environment = { EMAIL_HOST_USER: 'someone@gmail.com', EMAIL_HOST_PASSWORD_FILE: join(folder, 'nowhere') }
    expect(namedIn(environment)).toEqual(['EMAIL_HOST_PASSWORD'])
  })

  it('is for secrets alone', () => {
    expect(namedIn({}, `EMAIL_HOST_FILE=${fileWith('smtp.example.com')}`)).toEqual(['EMAIL_HOST_FILE'])
  })
})
