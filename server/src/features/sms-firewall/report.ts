import type { Database } from '../../database/schema.ts'
import { tally } from './store.ts'

/** What the firewall did in a stretch of time; amounts in ten-thousandths of the currency's unit. */
export interface Report {
  readonly sent: number
  readonly verified: number
  readonly spent: number
  /** What was refused, or, where it only observed, would have been, and what that would have cost. */
  readonly refusals: readonly {
    readonly reason: string
    readonly mode: 'enforce' | 'observe'
    readonly count: number
    readonly price: number
  }[]
  /** Those with the most codes first, twenty at most. */
  readonly prefixes: readonly {
    readonly prefix: string
    readonly country: string
    readonly sent: number
    readonly verified: number
  }[]
}

const PREFIXES_SHOWN = 20

type Row = Awaited<ReturnType<typeof tally>>[number]

export async function report(db: Database, since: Date): Promise<Report> {
  // PostgreSQL sums and counts wider than a number, as text.
  const rows = (await tally(db, since)).map((row) => ({
    ...row,
    count: Number(row.count),
    verified: Number(row.verified),
    price: Number(row.price),
  }))
  const sent = rows.filter(
    ({ decision, mode, reason }) => reason !== 'decoy' && (decision === 'allowed' || mode === 'observe'),
  )
  return {
    sent: sum(sent, 'count'),
    verified: sum(sent, 'verified'),
    spent: sum(sent, 'price'),
    refusals: refusalsOf(rows),
    prefixes: prefixesOf(sent),
  }
}

const sum = (rows: readonly Row[], column: 'count' | 'verified' | 'price'): number =>
  rows.reduce((total, row) => total + row[column], 0)

function refusalsOf(rows: readonly Row[]): Report['refusals'] {
  const refused = rows.filter(({ decision }) => decision === 'refused')
  return [...Map.groupBy(refused, ({ reason, mode }) => `${mode} ${reason}`).values()]
    .map((those) => ({
      reason: those[0]!.reason ?? 'unknown',
      mode: those[0]!.mode,
      count: sum(those, 'count'),
      price: sum(those, 'price'),
    }))
    .toSorted((a, b) => b.count - a.count)
}

function prefixesOf(sent: readonly Row[]): Report['prefixes'] {
  return [...Map.groupBy(sent, ({ prefix }) => prefix)]
    .map(([prefix, those]) => ({
      prefix,
      country: those[0]!.country,
      sent: sum(those, 'count'),
      verified: sum(those, 'verified'),
    }))
    .toSorted((a, b) => b.sent - a.sent)
    .slice(0, PREFIXES_SHOWN)
}
