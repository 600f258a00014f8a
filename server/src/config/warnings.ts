import { isLoopback } from '../kernel/network.ts'
import type { Problem } from './problem.ts'
import { wantsMail } from './rules.ts'
import type { Rule, View } from './rules.ts'

/** What no rule forbids and hardly anyone means. Told at start, never a reason not to start. */
export function warningsAbout(view: View): Problem[] {
  return WARNINGS.map((rule) => rule(view)).filter((problem) => problem !== undefined)
}

const proxyWithoutPublicUrl: Rule = ({ isSet }) =>
  isSet('TRUSTED_PROXIES') && !isSet('PUBLIC_URL')
    ? {
        setting: 'TRUSTED_PROXIES',
        message: 'is set, but PUBLIC_URL is not: links in messages will lead to http://localhost, not to the proxy',
      }
    : undefined

/** A server the world can reach shows its codes to nobody, and without a gateway there is nowhere else for them. */
const codesNobodyCanRead: Rule = (view) => {
  const { values, isSet } = view
  const reachable =
    isSet('TRUSTED_PROXIES') || !isLoopback(URL.parse(values.PUBLIC_URL ?? 'http://localhost')!.hostname)
  return values.NODE_ENV !== 'production' && reachable && !wantsMail(view)
    ? {
        setting: 'EMAIL_HOST',
        message: 'is not set, and the local inbox is closed behind a proxy or a public address: nobody can read a code',
      }
    : undefined
}

const noSmsInProduction: Rule = ({ values, isSet }) =>
  values.NODE_ENV === 'production' && !isSet('KAVENEGAR_API_KEY') && !isSet('SMS_WEBHOOK_URL')
    ? { setting: 'KAVENEGAR_API_KEY', message: 'and SMS_WEBHOOK_URL are not set: codes by phone answer 503' }
    : undefined

/** libpq would try TLS first; here nothing is encrypted unless asked for. A name without a dot is of a network of containers. */
const databaseInTheClear: Rule = ({ values }) => {
  const url = values.DATABASE_URL === undefined ? undefined : new URL(values.DATABASE_URL)
  if (!url || values.NODE_ENV !== 'production' || url.searchParams.has('sslmode')) return undefined
  const host = url.searchParams.get('host') ?? url.hostname
  if (host.startsWith('/') || isLoopback(host) || !/[.:]/.test(host)) return undefined
  return {
    setting: 'DATABASE_URL',
    message:
      'has no sslmode, so nothing is encrypted, and the database is elsewhere: sslmode=verify-full keeps the way there; sslmode=disable says that it is kept otherwise',
  }
}

const WARNINGS: readonly Rule[] = [proxyWithoutPublicUrl, codesNobodyCanRead, noSmsInProduction, databaseInTheClear]
