import { host, webUrl } from '../kinds-of-address.ts'
import { boolean, choice, list, pattern, wholeNumber } from '../kinds.ts'
import { oneLine, sender, webhookSecret } from '../kinds-of-text.ts'
import type { SettingTable } from '../setting.ts'

export const MAIL = {
  EMAIL_HOST: {
    kind: host,
    help: 'The SMTP server. Not set, with EMAIL_HOST_USER and EMAIL_HOST_PASSWORD: smtp.gmail.com.',
    example: 'smtp.example.com',
  },
  EMAIL_PORT: {
    kind: wholeNumber(1, 65_535),
    help: 'Its port. Not set: 587 with EMAIL_USE_TLS, 465 with EMAIL_USE_SSL, 25 with neither.',
    example: '587',
  },
  EMAIL_HOST_USER: {
    kind: oneLine(254),
    help: 'The user name at the SMTP server; for Gmail the whole address.',
    example: 'someone@gmail.com',
  },
  EMAIL_HOST_PASSWORD: {
    kind: oneLine(1000),
    help: 'The password at the SMTP server; Gmail wants an app password (https://myaccount.google.com/apppasswords).',
    example: 'the app password your mail provider shows',
    secret: true,
  },
  EMAIL_USE_TLS: {
    kind: boolean,
    help: 'STARTTLS, required. Not set: true, unless EMAIL_USE_SSL or EMAIL_PORT say otherwise.',
    example: 'true',
  },
  EMAIL_USE_SSL: {
    kind: boolean,
    help: 'TLS from the first byte. Not set: true when EMAIL_PORT is 465.',
    example: 'true',
  },
  EMAIL_FROM: {
    kind: sender,
    help: 'Who mails come from. Not set: EMAIL_HOST_USER.',
    example: 'Example Shop <noreply@example.com>',
  },
} satisfies SettingTable

export const SMS = {
  KAVENEGAR_API_KEY: {
    kind: pattern('letters, digits and signs without spaces', /^[\x21-\x7e]{1,200}$/),
    help: 'The key of a Kavenegar account, which then sends the text messages.',
    example: 'the key your Kavenegar panel shows',
    secret: true,
  },
  KAVENEGAR_SENDER: {
    kind: pattern('a line number of digits', /^\+?\d{3,20}$/),
    help: 'The line to send from. Not set: the default line of the account.',
    example: '10004346',
  },
  KAVENEGAR_TEMPLATE: {
    kind: pattern('a template name of letters, digits, - and _', /^[\w-]{1,100}$/),
    help: 'The approved template for Verify Lookup. Not set: codes go out as ordinary messages.',
    example: 'verify',
  },
  KAVENEGAR_BASE_URL: {
    kind: webUrl,
    default: 'https://api.kavenegar.com',
    help: 'Where Kavenegar answers; /v1/ and the rest is appended.',
    example: 'https://api.kavenegar.com',
  },
  SMS_WEBHOOK_URL: {
    kind: webUrl,
    help: 'Any other gateway: each text message is posted here as JSON, signed per Standard Webhooks.',
    example: 'https://sms.example.com/send',
  },
  SMS_WEBHOOK_SECRET: {
    kind: webhookSecret,
    help: 'The secret those posts are signed with.',
    example: 'the output of: openssl rand -base64 32',
    secret: true,
  },
  SMS_GATEWAYS: {
    kind: list('gateways: kavenegar, webhook', choice('kavenegar', 'webhook')),
    default: 'kavenegar,webhook',
    help: 'In which order gateways are tried, where both are set: the next one when the one before surely did not take a message.',
    example: 'webhook,kavenegar',
  },
} satisfies SettingTable
