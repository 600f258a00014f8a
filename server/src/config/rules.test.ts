import { describe, expect, it } from 'vitest'
import { namedIn, problemsOf } from '../../test/settings.ts'
import { readConfig } from '../config.ts'
import { systemRandom } from '../kernel/random.ts'
import { days } from '../kernel/duration.ts'

const secretText = (): string => Buffer.from(systemRandom.bytes(24)).toString('hex')

const gmail = (): Record<string, string> => ({
  EMAIL_HOST_USER: 'someone@gmail.com',
  EMAIL_HOST_PASSWORD: secretText(),
})

describe('mail', () => {
  it('goes through Gmail when only a user and a password are set, without the spaces Gmail shows', () => {
    const { mail } = readConfig({
      EMAIL_HOST_USER: 'someone@gmail.com',
      EMAIL_HOST_PASSWORD: 'four four four four',
    }).config
    expect(mail).toEqual({
      host: 'smtp.gmail.com',
      port: 587,
      security: 'starttls',
      user: 'someone@gmail.com',
      password: 'fourfourfourfour',
      from: 'someone@gmail.com',
    })
  })

  it('keeps the spaces of a password elsewhere', () => {
    const { mail } = readConfig({ ...gmail(), EMAIL_HOST: 'smtp.example.com', EMAIL_HOST_PASSWORD: ' a b ' }).config
    expect(mail?.password).toBe(' a b ')
  })

  it.each([
    [{}, 'starttls', 587],
    [{ EMAIL_USE_TLS: 'True' }, 'starttls', 587],
    [{ EMAIL_USE_SSL: 'True' }, 'tls', 465],
    [{ EMAIL_USE_TLS: 'False' }, 'none', 25],
    [{ EMAIL_PORT: '465' }, 'tls', 465],
    [{ EMAIL_PORT: '587' }, 'starttls', 587],
    [{ EMAIL_PORT: '25' }, 'none', 25],
    [{ EMAIL_PORT: '1025' }, 'none', 1025],
    [{ EMAIL_PORT: '2525', EMAIL_USE_TLS: 'True' }, 'starttls', 2525],
    [{ EMAIL_PORT: '8465', EMAIL_USE_SSL: 'True', EMAIL_USE_TLS: 'False' }, 'tls', 8465],
  ])('with %j is secured by %s on port %i', (environment, security, port) => {
    const { mail } = readConfig({ EMAIL_HOST: 'smtp.example.com', EMAIL_FROM: 'a@example.com', ...environment }).config
    expect(mail).toMatchObject({ security, port })
  })

  it.each([
    [{ EMAIL_HOST_USER: 'someone@gmail.com' }, ['EMAIL_HOST_USER']],
    [{ EMAIL_HOST_PASSWORD: 'x' }, ['EMAIL_HOST_PASSWORD']],
    [{ EMAIL_HOST_USER: 'someone', EMAIL_HOST_PASSWORD: 'x' }, ['EMAIL_HOST_USER']],
    [{ EMAIL_HOST: 'smtp.example.com' }, ['EMAIL_FROM']],
    [{ EMAIL_HOST: 'smtp.example.com', EMAIL_HOST_USER: 'apikey', EMAIL_HOST_PASSWORD: 'x' }, ['EMAIL_FROM']],
    [{ EMAIL_PORT: '587' }, ['EMAIL_PORT']],
    [{ EMAIL_FROM: 'a@example.com' }, ['EMAIL_FROM']],
    [{ EMAIL_USE_TLS: 'false' }, ['EMAIL_USE_TLS']],
    [{ ...gmail(), EMAIL_USE_TLS: '1', EMAIL_USE_SSL: '1' }, ['EMAIL_USE_TLS']],
    [{ ...gmail(), EMAIL_USE_TLS: '1', EMAIL_PORT: '465' }, ['EMAIL_PORT']],
    [{ ...gmail(), EMAIL_USE_SSL: '1', EMAIL_PORT: '587' }, ['EMAIL_PORT']],
    [{ ...gmail(), EMAIL_USE_SSL: '0', EMAIL_PORT: '465' }, ['EMAIL_PORT']],
  ])('set as %j names %j', (environment, named) => {
    expect(namedIn(environment)).toEqual(named)
  })

  it('is one mistake when it is wrong, not several', () => {
    expect(namedIn({ EMAIL_HOST: 'smtp:587', HOST: '0.0.0.0' })).toEqual(['EMAIL_HOST'])
    expect(namedIn({ EMAIL_HOST_USER: 'a\nb@gmail.com', EMAIL_HOST_PASSWORD: 'x' })).toEqual(['EMAIL_HOST_USER'])
  })
})

describe('text messages', () => {
  it('go through Kavenegar by its key alone', () => {
    const apiKey = secretText()
    const { sms } = readConfig({ KAVENEGAR_API_KEY: apiKey }).config
    const baseUrl = 'https://api.kavenegar.com'
    expect(sms).toEqual([{ kind: 'kavenegar', apiKey, sender: undefined, template: undefined, baseUrl }])
  })

  it.each(['whsec_', ''])('go through any gateway by its address and a secret that begins with "%s"', (prefix) => {
    const secret = `${prefix}${Buffer.from(systemRandom.bytes(32)).toString('base64')}`
    const { sms } = readConfig({ SMS_WEBHOOK_URL: 'https://sms.example.com/send/', SMS_WEBHOOK_SECRET: secret }).config
    expect(sms).toEqual([{ kind: 'webhook', url: 'https://sms.example.com/send/', secret }])
  })

  it.each([8, 23, 65])('are not signed with a secret of %i bytes', (length) => {
    const encoded = Buffer.from(systemRandom.bytes(length)).toString('base64')
    for (const SMS_WEBHOOK_SECRET of [`whsec_${encoded}`, 'x'.repeat(length)])
      expect(namedIn({ SMS_WEBHOOK_URL: 'https://sms.example.com', SMS_WEBHOOK_SECRET })).toEqual([
        'SMS_WEBHOOK_SECRET',
      ])
  })

  it.each([
    [{ KAVENEGAR_SENDER: '10004346' }, ['KAVENEGAR_SENDER']],
    [{ KAVENEGAR_TEMPLATE: 'verify' }, ['KAVENEGAR_TEMPLATE']],
    [{ SMS_WEBHOOK_URL: 'https://sms.example.com' }, ['SMS_WEBHOOK_URL']],
    [{ SMS_WEBHOOK_SECRET: secretText() }, ['SMS_WEBHOOK_SECRET']],
    [
      {
        KAVENEGAR_API_KEY: secretText(),
        SMS_WEBHOOK_URL: 'https://a.example.com',
        SMS_WEBHOOK_SECRET: secretText(),
        SMS_GATEWAYS: 'webhook',
      },
      ['SMS_GATEWAYS'],
    ],
  ])('set as half, or left out of the order, name it (%#)', (environment, named) => {
    expect(namedIn(environment)).toEqual(named)
  })
})

describe('two gateways for text messages', () => {
  const both = () => ({
    KAVENEGAR_API_KEY: secretText(),
    SMS_WEBHOOK_URL: 'https://a.example.com',
    SMS_WEBHOOK_SECRET: secretText(),
  })

  it.each([
    [{}, ['kavenegar', 'webhook']],
    [{ SMS_GATEWAYS: 'webhook,kavenegar' }, ['webhook', 'kavenegar']],
  ])('are tried in the order of SMS_GATEWAYS: %j', (order, kinds) => {
    expect(readConfig({ ...both(), ...order }).config.sms.map(({ kind }) => kind)).toEqual(kinds)
  })
})

describe('the listening address', () => {
  it.each(['0.0.0.0', '::', '192.168.1.10', 'my-laptop'])(
    '%s is refused while codes lie in the local inbox',
    (host) => {
      expect(problemsOf({ HOST: host })).toEqual([
        { setting: 'HOST', message: expect.stringContaining('inbox') as string },
      ])
      expect(namedIn({ HOST: host, ...gmail() })).toEqual([])
    },
  )
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.8.8.8', '127.8.8.8'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['localhost', 'localhost'],
  ])('%s needs no gateway', (host, expected) => {
    expect(readConfig({ HOST: host }).config.server.host).toBe(expected)
  })
})

describe('the ends of a session', () => {
  it('shorten together when only the fixed one is set', () => {
    const { tokens } = readConfig({ REFRESH_TOKEN_LIFETIME: '1d' }).config
    expect(tokens).toMatchObject({ refreshLifetime: days(1), refreshIdleLifetime: days(1) })
  })
  it('contradict each other when the idle one is set longer', () => {
    expect(namedIn({ REFRESH_TOKEN_LIFETIME: '1d', REFRESH_IDLE_LIFETIME: '2d' })).toEqual(['REFRESH_IDLE_LIFETIME'])
  })
})

describe('pages whose passkeys are taken', () => {
  it.each([
    ['https://auth.example.com', 'https://auth.example.com:8443,https://app.auth.example.com'],
    ['', 'http://localhost:5173,http://app.localhost:5173'],
  ])('lie at the host of PUBLIC_URL (%s) or below it', (PUBLIC_URL, PASSKEY_ORIGINS) => {
    expect(namedIn({ PUBLIC_URL, PASSKEY_ORIGINS })).toEqual([])
  })

  it.each([
    ['https://auth.example.com', 'https://example.com'],
    ['https://auth.example.com', 'https://app.example.com'],
    ['https://auth.example.com', 'https://auth.example.com,https://evilauth.example.com'],
    ['', 'https://auth.example.com'],
  ])('lie nowhere else (%s, %s)', (PUBLIC_URL, PASSKEY_ORIGINS) => {
    expect(namedIn({ PUBLIC_URL, PASSKEY_ORIGINS })).toEqual(['PASSKEY_ORIGINS'])
  })
})

describe('the budget for SMS', () => {
  const priced = (SMS_PRICES: string, more: Record<string, string> = {}) => ({
    SMS_PRICES,
    SMS_BUDGET_DAY: '5',
    ...more,
  })

  it.each([
    [{ SMS_BUDGET_DAY: '5' }],
    [{ SMS_BUDGET_HOUR: '5', SMS_COUNTRIES: 'DE', SMS_PRICES: 'IR=0.01' }],
    [priced('IR=0.01', { SMS_COUNTRIES: 'IR,DE' })],
    [priced('IR=0.01', { SMS_COUNTRIES: '*' })],
  ])('is refused without a price for every country allowed: %j', (settings) => {
    expect(namedIn(settings)).toEqual([expect.stringMatching(/^SMS_BUDGET_/)])
  })

  it('is taken where all that is allowed has a price, and is kept in ten-thousandths', () => {
    const { smsFirewall } = readConfig(priced('ir=0.0125, *=0.10', { SMS_COUNTRIES: '*' })).config
    expect(smsFirewall).toMatchObject({ countries: 'all', budgetHour: undefined, budgetDay: 50_000 })
    expect([...smsFirewall.prices]).toEqual([
      ['IR', 125],
      ['*', 1000],
    ])
  })
})

describe('the SMS firewall', () => {
  it('only observes where a developer counts nothing, and never for that in production', () => {
    expect(readConfig({}).config.smsFirewall.mode).toBe('enforce')
    expect(readConfig({ THROTTLE_OTP_SEND: 'off' }).config.smsFirewall.mode).toBe('observe')
    const production = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://id.example',
      ...gmail(),
      THROTTLE_OTP_SEND: 'off',
    }
    expect(readConfig(production).config.smsFirewall.mode).toBe('enforce')
  })

  it('sends to the default region where no country is named', () => {
    expect(readConfig({ DEFAULT_REGION: 'DE' }).config.smsFirewall.countries).toEqual(['DE'])
  })
})
