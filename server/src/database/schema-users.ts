import type { Generated } from 'kysely'

/** How many ids the users of one count have: what is counted is those whose id divided by it is the block's number. */
export const USERS_IN_A_BLOCK = 4096

/**
 * How many users there are: the sum of all rows. Triggers add a row for each one that comes (1) or goes (-1), so that
 * nobody waits for anybody else's row; housekeeping folds them into one for each block.
 */
export interface UserCountsTable {
  id: Generated<number>
  block: number
  users: number
}

/**
 * Which users have three characters in a row in an address or name (`kernel/grams.ts`): all that have them, and perhaps
 * others.
 */
export interface UserGramsTable {
  gram: string
  userId: number
}
