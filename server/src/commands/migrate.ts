import { databaseName, dataFiles, locationOf, refuseMissingDatabase } from '../compose/foundation.ts'
import { openDatabase, type OpeningStep } from '../database/open.ts'
import type { Command } from './command.ts'

export const migrate: Command = {
  name: 'migrate',
  summary: 'Brings the database up to this version, as every start does.',
  details: `\
Under a lock, all or nothing. On SQLite it copies the database aside first, and makes it when
there was never one.`,
  options: {},
  async run({ tools }) {
    const { config } = tools.settings()
    const location = locationOf(config)
    if (location.kind === 'file') refuseMissingDatabase(dataFiles(config.server.dataDir))
    const name = databaseName(config)
    const steps: OpeningStep[] = []
    const { close } = await openDatabase({ location, onStep: (step) => steps.push(step) })
    await close()
    const migrations = steps.flatMap((step) => (step.kind === 'migrated' ? step.migrations : []))
    const copy = steps.find((step) => step.kind === 'copied')?.path
    const text = [
      migrations.length === 0 ? `${name} is up to date.` : `${name} was brought up to date: ${migrations.join(', ')}.`,
      ...(copy === undefined ? [] : [`As it was before, it lies in ${copy}.`]),
    ].join('\n')
    return { kind: 'done', text, data: { database: name, migrations, ...(copy !== undefined && { copy }) } }
  },
}
