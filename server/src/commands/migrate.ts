import { dataFiles, refuseMissingDatabase } from '../compose/foundation.ts'
import { openDatabase, type OpeningStep } from '../database/open.ts'
import type { Command } from './command.ts'

export const migrate: Command = {
  name: 'migrate',
  summary: 'Brings the database up to this version, as every start does.',
  details: `\
Under a lock, all or nothing, after copying the database aside. Makes the database when
there was never one.`,
  options: {},
  async run({ tools }) {
    const files = dataFiles(tools.settings().config.server.dataDir)
    refuseMissingDatabase(files)
    const path = files.database
    const steps: OpeningStep[] = []
    const { close } = await openDatabase({ location: { kind: 'file', path }, onStep: (step) => steps.push(step) })
    await close()
    const migrations = steps.flatMap((step) => (step.kind === 'migrated' ? step.migrations : []))
    const copy = steps.find((step) => step.kind === 'copied')?.path
    const text = [
      migrations.length === 0 ? `${path} is up to date.` : `${path} was brought up to date: ${migrations.join(', ')}.`,
      ...(copy === undefined ? [] : [`As it was before, it lies in ${copy}.`]),
    ].join('\n')
    return { kind: 'done', text, data: { database: path, migrations, ...(copy !== undefined && { copy }) } }
  },
}
