import { expect, it, vi } from 'vitest'
import { temporaryFolder } from '../../test/database.ts'
import { createWorld, type World } from '../../test/world.ts'
import { proveChain } from '../features/audit/service.ts'
import { days } from '../kernel/duration.ts'

const PATIENCE = { timeout: 20_000 }

const proofIn = ({ latchkey: { foundation } }: World) => proveChain(foundation.db, foundation.secret)

it('a server seals what is put on record, and one started later removes what AUDIT_RETENTION does not keep', async () => {
  const settings = { AUDIT_RETENTION: '7d', DATA_DIR: temporaryFolder() }
  const world = await createWorld({ settings, compose: { inMemory: false } })
  await world.signedInUser()
  world.latchkey.start()
  await vi.waitFor(async () => expect(await proofIn(world)).toMatchObject({ proven: 2, unsealed: 0 }), PATIENCE)
  const later = await createWorld({ settings, compose: { inMemory: false } })
  later.clock.turn(days(8))
  later.latchkey.start()
  await vi.waitFor(async () => expect(await proofIn(later)).toMatchObject({ checkpoint: 2, proven: 0 }), PATIENCE)
})
