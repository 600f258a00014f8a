import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { sealDue } from '../src/features/audit/sealer.ts'
import { createAudit } from '../src/features/audit/service.ts'
import { BY_OPERATOR } from '../src/kernel/act.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { type CommandWorld, createCommandWorld, startedWorld } from './command.ts'
import { temporaryFolder } from './database.ts'
import { useInstallation } from './used-installation.ts'

/** One whose database tells something, with a backup of it. */
export async function backedUp(): Promise<{ world: CommandWorld; file: string; userId: number }> {
  const world = await startedWorld()
  const { userId } = await useInstallation(world)
  await putOnRecord(world)
  return { world, file: await backUp(world), userId }
}

const putOnRecord = (world: CommandWorld): Promise<void> =>
  world.inside(async ({ db, secret }) => {
    const now = world.clock.now()
    await createAudit({ random: systemRandom }).record(db, BY_OPERATOR, { type: 'registered', userId: 1 }, now)
    await sealDue(db, { secret, clock: world.clock, holder: 'test' })
  })

/** Makes a backup of it, in a folder of its own. */
export async function backUp(world: CommandWorld): Promise<string> {
  const file = join(temporaryFolder(), 'backup.tar')
  const { code, err } = await world.type(`backup --to ${file}`)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return file
}

/** Another machine with the same secret and nothing else. */
export function elsewhere(world: CommandWorld): CommandWorld {
  const other = createCommandWorld()
  cpSync(join(world.dataDir, 'secret.key'), join(other.dataDir, 'secret.key'), { recursive: true })
  other.clock.turn((world.clock.now().getTime() - other.clock.now().getTime()) as never)
  return other
}

/** The names in a folder, which need not be there. */
export const filesOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : [])
