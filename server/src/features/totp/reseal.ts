import type { Database } from '../../database/schema.ts'
import type { Random } from '../../kernel/random.ts'
import { seal, type Secret, unseal } from '../../kernel/secret.ts'
import * as store from './store.ts'

export interface ResealedTotps {
  /** Authenticator apps that go on as if nothing had happened. */
  readonly totps: number
  /** Those whose secret did not open: they are gone, and their owners need another factor. */
  readonly lostTotps: number
}

/** Seals the secrets of authenticator apps under another secret of the server's. Takes a transaction. */
export async function resealTotps(
  db: Database,
  { from, to, random }: { readonly from: Secret; readonly to: Secret; readonly random: Random },
): Promise<ResealedTotps> {
  const all = await store.findAll(db)
  let totps = 0
  for (const { id, sealedSecret } of all) {
    const plain = unseal(from.key('totp-secret'), sealedSecret, id)
    if (plain) {
      await store.replaceSealed(db, id, seal(to.key('totp-secret'), plain, id, random))
      totps += 1
    } else await store.removeOne(db, id)
  }
  return { totps, lostTotps: all.length - totps }
}
