import type { Duration } from '../../kernel/duration.ts'

/** So many a period: `100/day` is `{ quota: 100, period: days(1) }`. */
export interface Rate {
  readonly quota: number
  readonly period: Duration
}

/** Where a caller stands after a request was counted. `resetSeconds` is whole and at least 1. */
export interface Standing {
  readonly allowed: boolean
  readonly quota: number
  readonly remaining: number
  readonly resetSeconds: number
}

/** Counts what strangers can grow. A key is counted in a window that begins with its first request. */
export interface Limiter {
  /** Counts one request under `scope` and `key`, unless the quota is already used up, and tells where the caller stands. */
  take(scope: string, key: string, rate: Rate): Promise<Standing>
}

/** Why takes are not counted where they should be. */
export interface LimiterTrouble {
  /** Words for the operator; no secret and no address in them. */
  readonly reason: string
  readonly since: Date
}
