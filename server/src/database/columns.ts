import { type ColumnDefinitionBuilder, type ColumnDataType, type CreateTableBuilder, sql } from 'kysely'

export type DialectName = 'sqlite' | 'postgres'

/**
 * The few column types that two databases name differently. All others (`text`, `integer`, `boolean`, `timestamptz`,
 * `jsonb`) are declared alike in both: SQLite stores by what it is given, and our dialect reads by the declared type.
 */
export interface Columns {
  readonly dialect: DialectName
  /** A number that refers to a counted id. */
  readonly countedId: ColumnDataType
  /** Lets the database count, from 1, and never give a number out twice (invariant I9). */
  counted(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
  readonly uuid: ColumnDataType
  readonly bytes: ColumnDataType
  /** A table that is nothing but its primary key: kept in its index alone, where the database can do that. */
  keptInKey<Table extends string, Column extends string>(
    table: CreateTableBuilder<Table, Column>,
  ): CreateTableBuilder<Table, Column>
}

const sqlite: Columns = {
  dialect: 'sqlite',
  // Only the very word `integer` makes a column SQLite's row id, and only AUTOINCREMENT keeps it from being reused.
  countedId: 'integer',
  counted: (column) => column.primaryKey().autoIncrement(),
  uuid: 'text',
  bytes: 'blob',
  keptInKey: (table) => table.modifyEnd(sql`without rowid`),
}

const postgres: Columns = {
  dialect: 'postgres',
  countedId: 'bigint',
  counted: (column) => column.primaryKey().generatedAlwaysAsIdentity(),
  uuid: 'uuid',
  bytes: 'bytea',
  keptInKey: (table) => table,
}

export const columnsOf: Readonly<Record<DialectName, Columns>> = { sqlite, postgres }
