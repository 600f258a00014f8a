import { sql, type Kysely } from 'kysely'
import { gramsOf } from '../../kernel/grams.ts'
import type { Columns } from '../columns.ts'

/** Users counted as they come and go, found by parts of their names, and those who are deactivated found among a million. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await countUsers(db, columns)
  await createGrams(db, columns)
  await indexDeactivated(db)
}

async function countUsers(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('userCounts')
    .addColumn('id', columns.countedId, (column) => columns.counted(column))
    .addColumn('block', 'integer', (column) => column.notNull())
    .addColumn('users', 'integer', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('userCountsBlock').on('userCounts').columns(['block', 'users']).execute()
  await sql`insert into user_counts (block, users) select id / 4096, count(*) from users group by id / 4096`.execute(db)
  for (const trigger of TRIGGERS[columns.dialect]) await sql.raw(trigger).execute(db)
}

/**
 * By triggers, so that the count is right whoever adds and removes. One row a block for each statement on PostgreSQL; SQLite has
 * only triggers that run for each row. No row is ever changed here: registrations would wait for each other.
 */
const TRIGGERS = {
  sqlite: [
    `create trigger users_come after insert on users begin
       insert into user_counts (block, users) values (new.id / 4096, 1);
     end`,
    `create trigger users_go after delete on users begin
       insert into user_counts (block, users) values (old.id / 4096, -1);
     end`,
  ],
  postgres: [
    `create function count_users_that_come() returns trigger language plpgsql as $$ begin
       insert into user_counts (block, users) select id / 4096, count(*) from changed group by id / 4096;
       return null;
     end $$`,
    `create function count_users_that_go() returns trigger language plpgsql as $$ begin
       insert into user_counts (block, users) select id / 4096, -count(*) from changed group by id / 4096;
       return null;
     end $$`,
    `create trigger users_come after insert on users referencing new table as changed
       for each statement execute function count_users_that_come()`,
    `create trigger users_go after delete on users referencing old table as changed
       for each statement execute function count_users_that_go()`,
  ],
} as const

async function createGrams(db: Kysely<unknown>, columns: Columns): Promise<void> {
  const table = db.schema
    .createTable('userGrams')
    .addColumn('gram', 'text', (column) => column.notNull())
    // No foreign key: it would want an index of its own, as large as the table. What is left of a user who is gone finds nobody.
    .addColumn('userId', columns.countedId, (column) => column.notNull())
    .addPrimaryKeyConstraint('userGramsKey', ['gram', 'userId'])
  await columns.keptInKey(table).execute()
  await fillGrams(db, columns)
}

interface Tables {
  users: { id: number; email: string; firstName: string; lastName: string }
  allGrams: { userId: number; grams: string }
  places: { place: number }
}

// An address has 254 characters at most, two names 300.
const MOST_GRAMS = 600

/**
 * Every user's grams go into a table aside first, in one text a user, and from there into their place in its order: in the order
 * of users, each would change a page elsewhere.
 */
async function fillGrams(everything: Kysely<unknown>, columns: Columns): Promise<void> {
  const db = everything as Kysely<Tables>
  const aside = (name: string) => db.schema.createTable(name).temporary()
  await aside('allGrams').addColumn('userId', columns.countedId).addColumn('grams', 'text').execute()
  await aside('places')
    .addColumn('place', 'integer', (column) => column.primaryKey())
    .execute()
  await db
    .insertInto('places')
    .values(Array.from({ length: MOST_GRAMS }, (_, place) => ({ place })))
    .execute()
  for (let rows = await gramsAfter(db, 0); rows.length > 0; rows = await gramsAfter(db, rows.at(-1)!.userId))
    await db.insertInto('allGrams').values(rows).execute()
  await sql`insert into user_grams (gram, user_id)
    select substr(grams, 1 + 3 * place, 3) as gram, user_id
    from all_grams join places on place < length(grams) / 3
    order by gram, user_id`.execute(db)
  for (const name of ['allGrams', 'places']) await db.schema.dropTable(name).execute()
}

const BATCH = 1000

async function gramsAfter(db: Kysely<Tables>, id: number): Promise<Tables['allGrams'][]> {
  const users = await db
    .selectFrom('users')
    .select(['id', 'email', 'firstName', 'lastName'])
    .where('id', '>', id)
    .orderBy('id')
    .limit(BATCH)
    .execute()
  return users.map((user) => ({
    userId: user.id,
    grams: gramsOf([user.email, user.firstName, user.lastName]).join(''),
  }))
}

async function indexDeactivated(db: Kysely<unknown>): Promise<void> {
  // With the moment itself, so that the index alone answers how many there are.
  const index = (name: string, column: string) =>
    db.schema
      .createIndex(name)
      .on('users')
      .columns([column, 'deactivatedAt'])
      .where(sql.ref('deactivatedAt'), 'is not', null)
  await index('usersDeactivated', 'id').execute()
  await index('usersDeactivatedEmail', 'emailKey').execute()
}
