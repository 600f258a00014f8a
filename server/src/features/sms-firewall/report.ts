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
  /** Those with the most codes asked for first, twenty at most. */
  readonly prefixes: readonly {
    readonly prefix: string
    readonly country: string
    readonly sent: number
    readonly verified: number
    /** Where it only observed: of those sent. */
    readonly refused: number
  }[]
}

const PREFIXES_SHOWN = 20

type Row = Awaited<ReturnType<typeof tally>>[number]

export async function report(db: Database, since: Date): Promise<Report> {
  // PostgreSQL sums and counts wider than a number, as text.
  const tallied = (await tally(db, since)).map((row) => ({
    ...row,
    count: Number(row.count),
    verified: Number(row.verified),
    price: Number(row.price),
  }))
  const rows = tallied.filter(({ reason }) => reason !== 'decoy')
  const sent = rows.filter(isSent)
  return {
    sent: sum(sent, 'count'),
    verified: sum(sent, 'verified'),
    spent: sum(sent, 'price'),
    refusals: refusalsOf(rows),
    prefixes: prefixesOf(rows),
  }
}

const isRefused = ({ decision }: Row): boolean => decision === 'refused'

const isSent = (row: Row): boolean => !isRefused(row) || row.mode === 'observe'

const sum = (rows: readonly Row[], column: 'count' | 'verified' | 'price'): number =>
  rows.reduce((total, row) => total + row[column], 0)

function refusalsOf(rows: readonly Row[]): Report['refusals'] {
  const refused = rows.filter(isRefused)
  return [...Map.groupBy(refused, ({ reason, mode }) => `${mode} ${reason}`).values()]
    .map((those) => ({
      reason: those[0]!.reason ?? 'unknown',
      mode: those[0]!.mode,
      count: sum(those, 'count'),
      price: sum(those, 'price'),
    }))
    .toSorted((a, b) => b.count - a.count)
}

function prefixesOf(rows: readonly Row[]): Report['prefixes'] {
  return [...Map.groupBy(rows, ({ prefix }) => prefix)]
    .map(([prefix, those]) => ({
      prefix,
      country: those[0]!.country,
      sent: sum(those.filter(isSent), 'count'),
      verified: sum(those, 'verified'),
      refused: sum(those.filter(isRefused), 'count'),
    }))
    .toSorted((a, b) => b.sent + b.refused - (a.sent + a.refused))
    .slice(0, PREFIXES_SHOWN)
}
