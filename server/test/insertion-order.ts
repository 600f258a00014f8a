import { sql } from 'kysely'
import { IS_ON_POSTGRES } from './world-database.ts'

/** What rows of a world are ordered by to come as they were written, where nothing changes them later. */
export const AS_WRITTEN = IS_ON_POSTGRES ? sql`ctid` : sql`rowid`
