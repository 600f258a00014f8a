import { describe, expect, it } from 'vitest'
import { namedIn, problemsOf } from '../../test/settings.ts'
import { readConfig } from '../config.ts'
import { systemRandom } from '../kernel/random.ts'

const secretText = (): string => Buffer.from(systemRandom.bytes(24)).toString('hex')

const fit = (): Record<string, string> => ({
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://auth.example.com',
  EMAIL_HOST_USER: 'someone@gmail.com',
  EMAIL_HOST_PASSWORD: secretText(),
})

const relay = { EMAIL_HOST: 'relay.example.com', EMAIL_USE_TLS: 'false' }
const webhook = () => ({ SMS_WEBHOOK_SECRET: secretText() })

describe('production', () => {
  it('starts with a public https address and a mail gateway, on any listening address', () => {
    const { config, missingForProduction, warnings } = readConfig({
      ...fit(),
      HOST: '0.0.0.0',
      SECRET_KEY: secretText(),
    })
    expect(config.production).toBe(true)
    expect(missingForProduction).toEqual([])
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('codes by phone answer 503')])
  })

  it.each([
    ['postgres://me:pw@db.example.com/latchkey', true],
    ['postgres://me:pw@10.0.0.5/latchkey', true],
    ['postgres://me:pw@db.example.com/latchkey?sslmode=verify-full', false],
    ['postgres://me:pw@db.example.com/latchkey?sslmode=disable', false],
    ['postgres://me:pw@127.0.0.1/latchkey', false],
    ['postgres://me:pw@localhost/latchkey?host=/run/postgresql', false],
    ['postgres://me:pw@postgres:5432/latchkey', false],
  ])('says of %s whether it is left open how the way there is kept: %s', (url, isSaid) => {
    const { warnings } = readConfig({ ...fit(), SECRET_KEY: secretText(), DATABASE_URL: url })
    expect(warnings.some(({ setting }) => setting === 'DATABASE_URL')).toBe(isSaid)
  })

  it('starts without SECRET_KEY, which is then made and kept in the data folder', () => {
    expect(readConfig(fit()).config.secretKey).toBeUndefined()
  })

  it.each([
    ['without a public address', { PUBLIC_URL: '' }, 'PUBLIC_URL'],
    ['with an http public address', { PUBLIC_URL: 'http://auth.example.com' }, 'PUBLIC_URL'],
    ['with an http address of this machine', { PUBLIC_URL: 'http://localhost:8000' }, 'PUBLIC_URL'],
    ['without a mail gateway', { EMAIL_HOST_USER: '', EMAIL_HOST_PASSWORD: '' }, 'EMAIL_HOST'],
    ['with passkeys of an http page', { PASSKEY_ORIGINS: 'http://app.auth.example.com' }, 'PASSKEY_ORIGINS'],
    ['with a short secret key', { SECRET_KEY: 'x'.repeat(31) }, 'SECRET_KEY'],
    ['open to every web page', { CORS_ORIGINS: 'https://app.example.com,*' }, 'CORS_ORIGINS'],
    ['sending its mail password in the clear', relay, 'EMAIL_USE_TLS'],
    [
      'asking Kavenegar in the clear',
      { KAVENEGAR_API_KEY: 'x', KAVENEGAR_BASE_URL: 'http://a.example.com' },
      'KAVENEGAR_BASE_URL',
    ],
    ['sending codes in the clear', { ...webhook(), SMS_WEBHOOK_URL: 'http://sms.example.com' }, 'SMS_WEBHOOK_URL'],
    [
      'sending codes in the clear to an address',
      { ...webhook(), SMS_WEBHOOK_URL: 'http://[2001:db8::1]/' },
      'SMS_WEBHOOK_URL',
    ],
  ])('does not start %s', (_, environment, setting) => {
    expect(namedIn({ ...fit(), ...environment })).toEqual([setting])
    expect(problemsOf({ ...fit(), ...environment })[0]?.message).toMatch(/in production.*Example: /)
    const elsewhere = { ...fit(), ...environment, NODE_ENV: 'development' }
    expect(readConfig(elsewhere).missingForProduction.map((problem) => problem.setting)).toEqual([setting])
  })

  it.each([
    ['an http public address, when told so', { PUBLIC_URL: 'http://10.0.0.5:8000', ALLOW_INSECURE_PUBLIC_URL: 'yes' }],
    ['a secret key of 32 bytes in fewer characters', { SECRET_KEY: 'ш'.repeat(16) }],
    ['a password in the clear to this machine', { ...relay, EMAIL_HOST: 'localhost' }],
    [
      'mail in the clear without a password',
      { ...relay, EMAIL_HOST_USER: '', EMAIL_HOST_PASSWORD: '', EMAIL_FROM: 'a@b.example' },
    ],
    ['an http gateway on this machine', { ...webhook(), SMS_WEBHOOK_URL: 'http://127.0.0.1:9000/' }],
    ['an http gateway next door', { ...webhook(), SMS_WEBHOOK_URL: 'http://gateway:9000/' }],
  ])('starts with %s', (_, environment) => {
    expect(namedIn({ ...fit(), ...environment })).toEqual([])
  })

  it('tells all at once, and one mistake once', () => {
    expect(namedIn({ NODE_ENV: 'production', HOST: '0.0.0.0' })).toEqual(['PUBLIC_URL', 'EMAIL_HOST'])
    expect(namedIn({ ...fit(), PUBLIC_URL: 'nonsense' })).toEqual(['PUBLIC_URL'])
    expect(namedIn({ ...fit(), PUBLIC_URL: 'http://a.example', ALLOW_INSECURE_PUBLIC_URL: 'perhaps' })).toEqual([
      'ALLOW_INSECURE_PUBLIC_URL',
    ])
  })

  it.each(['prod', 'staging', 'productoin'])('is not mistaken: %s is refused', (mode) => {
    expect(namedIn({ NODE_ENV: mode })).toEqual(['NODE_ENV'])
  })

  it('is meant by NODE_ENV in .env too, and in any case', () => {
    expect(namedIn({}, 'NODE_ENV=Production')).toEqual(['PUBLIC_URL', 'EMAIL_HOST'])
  })
})
