import { allowedHost, host, origin, originOrStar } from '../kinds-of-address.ts'
import { databaseUrl, processes, redisUrl } from '../kinds-of-scale.ts'
import { boolean, choice, list, pattern, wholeNumber } from '../kinds.ts'
import { oneLine } from '../kinds-of-text.ts'
import { proxyRanges } from '../proxies.ts'
import type { SettingTable } from '../setting.ts'

export const SERVER = {
  NODE_ENV: {
    kind: choice('development', 'production', 'test'),
    default: 'development',
    help: 'In production whatever is unsafe refuses to start and says why.',
    example: 'production',
  },
  HOST: {
    kind: host,
    default: '127.0.0.1',
    help: 'The address to listen on; 0.0.0.0 or :: for all. Anything but this machine itself needs a mail gateway.',
    example: '0.0.0.0',
  },
  PORT: {
    kind: wholeNumber(0, 65_535),
    default: '8000',
    help: 'The port to listen on; 0 takes any free one.',
    example: '8000',
  },
  PUBLIC_URL: {
    kind: origin,
    help: 'How the world reaches this server. Links, token issuer and messages use it; required in production. Not set: http://localhost:PORT.',
    example: 'https://auth.example.com',
  },
  ALLOW_INSECURE_PUBLIC_URL: {
    kind: boolean,
    default: 'false',
    help: 'Lets PUBLIC_URL be http in production. Passwords and tokens then travel in the clear.',
    example: 'true',
  },
  ALLOWED_HOSTS: {
    kind: list('host names or addresses, .example.com for all below it, or *; without scheme or port', allowedHost),
    default: 'localhost,127.0.0.1,[::1]',
    help: "Whose Host header is echoed in links while PUBLIC_URL is not set, in Django's forms; * means only the default.",
    example: 'localhost,.example.com',
  },
  TRUSTED_PROXIES: {
    kind: list('IP addresses, CIDR ranges (none of them /0), loopback, private, linklocal or cloudflare', proxyRanges),
    help: 'Proxies whose X-Forwarded-For is believed; without them every client behind a proxy counts as one. `doctor` shows how a request is then read.',
    example: 'loopback,10.0.0.0/8,fd00::/8',
  },
  CORS_ORIGINS: {
    kind: list('origins: http:// or https:// with a host and no path; or *', originOrStar),
    help: 'Web pages that may call this server from a browser; * for all, never in production.',
    example: 'https://app.example.com,http://localhost:3000',
  },
  DATA_DIR: {
    kind: oneLine(1000),
    default: './data',
    help: 'Where the database and keys lie; made at first start. A relative path starts from the folder the server is started in.',
    example: '/var/lib/latchkey',
  },
  SECRET_KEY: {
    kind: oneLine(1000),
    help: 'The secret every key is derived from; at least 32 bytes in production. Not set: made at first start and kept in DATA_DIR. Another one later cannot read the data.',
    example: 'the output of: openssl rand -base64 48',
    secret: true,
  },
  LOG_LEVEL: {
    kind: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    help: 'The least important thing to log. Not set: info, or debug with DEBUG.',
    example: 'warn',
  },
  DEBUG: {
    kind: boolean,
    default: 'false',
    help: 'Logs more. Never changes an answer.',
    example: 'true',
  },
  METRICS_TOKEN: {
    kind: pattern('16 to 200 letters, digits or -._~+/=', /^[\w.~+/=-]{16,200}$/),
    help: 'The bearer token /metrics asks for. Not set: /metrics answers 404.',
    example: 'the output of: openssl rand -hex 32',
    secret: true,
  },
} satisfies SettingTable

export const SCALE = {
  WEB_CONCURRENCY: {
    kind: processes,
    default: '1',
    help: 'How many processes serve; auto takes one a core.',
    example: 'auto',
  },
  DATABASE_URL: {
    kind: databaseUrl,
    help: 'A PostgreSQL database (14 to 18) in place of SQLite under DATA_DIR; SECRET_KEY is then required. docs/postgresql.md tells what the URL may say.',
    example: 'postgres://latchkey:password@db.example.com/latchkey?sslmode=verify-full',
    secret: true,
  },
  REDIS_URL: {
    kind: redisUrl,
    help: 'A Redis or Valkey that counts requests for all processes; while it is away the database does. Nothing is kept there alone.',
    example: 'rediss://:password@redis.example.com:6379/0',
    secret: true,
  },
} satisfies SettingTable
