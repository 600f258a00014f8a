import type { Config } from '../config.ts'
import { type Report as Figures, report } from '../features/sms-firewall/service.ts'
import { before, days } from '../kernel/duration.ts'
import { type Command, count, refused, type Report, withInstallation } from './command.ts'

// Decisions are kept for five weeks.
const MOST_DAYS = 35
const DEFAULT_DAYS = 7

export const smsReport: Command = {
  name: 'sms report',
  summary: 'Shows what codes by SMS cost, which were refused and why, and how many were proven.',
  details: `\
Conversion is told by prefix: a number without its last four digits. Where it is low, nobody types the codes in, and
somebody may be paid for them. Amounts follow SMS_PRICES as they were when a code was asked for. Works beside a running server.`,
  options: {
    days: { type: 'string', value: 'N', help: `How far back, ${DEFAULT_DAYS} by default, ${MOST_DAYS} at most.` },
  },
  run({ values, tools }) {
    const given = String(values['days'] ?? DEFAULT_DAYS)
    const span = /^\d{1,2}$/.test(given) ? Number(given) : 0
    if (span < 1 || span > MOST_DAYS)
      return Promise.resolve(refused(`--days is a whole number from 1 to ${MOST_DAYS}.`))
    return withInstallation(tools, async ({ db }, config) =>
      reportOf(await report(db, before(tools.clock.now(), days(span))), span, config),
    )
  },
}

function reportOf(figures: Figures, span: number, { smsFirewall: { currency, mode } }: Config): Report {
  const { sent, verified, spent, refusals, prefixes } = figures
  const data = {
    days: span,
    mode,
    currency,
    sent,
    verified,
    spent: amountOf(spent),
    refusals: refusals.map((refusal) => ({ ...refusal, price: amountOf(refusal.price) })),
    prefixes,
  }
  const text = [
    `${count(sent, 'code')} by SMS in ${count(span, 'day')}, ${verified} proven, for ${amountOf(spent)} ${currency}.`,
    ...(refusals.length === 0 ? ['None refused.'] : refusals.map((refusal) => refusalLine(refusal, currency))),
    ...(prefixes.length === 0
      ? []
      : ['', 'prefix          country    sent  proven refused', ...prefixes.map(prefixLine)]),
  ].join('\n')
  return { kind: 'done', text, data }
}

/** Out of ten-thousandths. */
const amountOf = (parts: number): number => parts / 10_000

const refusalLine = ({ reason, mode, count: refusals, price }: Figures['refusals'][number], currency: string): string =>
  mode === 'enforce'
    ? `${refusals} refused (${reason}), which would have cost ${amountOf(price)} ${currency}.`
    : `${refusals} sent that would have been refused (${reason}), for ${amountOf(price)} ${currency}.`

const prefixLine = ({ prefix, country, sent, verified, refused: refusals }: Figures['prefixes'][number]): string =>
  [
    prefix.padEnd(15),
    country.padEnd(7),
    String(sent).padStart(7),
    (sent === 0 ? '-' : `${Math.round((100 * verified) / sent)}%`).padStart(7),
    String(refusals).padStart(7),
  ].join(' ')
