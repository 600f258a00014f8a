import type { Database } from '../../database/schema.ts'

/** Whether the user has a passkey. */
export async function hasPasskey(db: Database, userId: number): Promise<boolean> {
  const passkey = await db.selectFrom('passkeys').select('id').where('userId', '=', userId).limit(1).executeTakeFirst()
  return passkey !== undefined
}
