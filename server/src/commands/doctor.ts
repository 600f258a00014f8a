import type { Reading } from '../config.ts'
import { ConfigError, sentenceOf } from '../config/problem.ts'
import { formatSources, type SettingSource } from '../config/report.ts'
import { VERSION } from '../kernel/version.ts'
import { dataFiles } from '../compose/foundation.ts'
import type { Command, Report, Tools } from './command.ts'
import { inspectBreached } from './doctor/breached.ts'
import { inspectFolder } from './doctor/data-folder.ts'
import { inspectStores } from './doctor/database.ts'
import { inspectMachine } from './doctor/machine.ts'
import { inspectPublicUrl, inspectSettings, inspectWebhooks } from './doctor/production.ts'
import { inspectProxies } from './doctor/proxies.ts'
import { fault, type Finding, formatFindings, ok, warning } from './doctor/finding.ts'
import { inspectGateways } from './doctor/gateways.ts'
import { inspectInDepth } from './doctor/depth.ts'
import { inspectCounting } from './doctor/limits.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'Looks for faults in settings, data, keys, limits, gateways and outbox.',
  details: `\
Logs in at the mail server, tries Redis and asks Kavenegar for the credit left; sends nothing and changes nothing.
No secret is shown. The exit code is 1 when anything is a fault; warnings alone leave it 0.`,
  options: {
    production: {
      type: 'boolean',
      help: 'Look at all that a server for the public wants, too, however long it takes; what is unsafe is a fault.',
    },
  },
  async run({ tools, values }) {
    const reading = readOrFaults(tools)
    if (Array.isArray(reading)) return report([], reading)
    const { config } = reading
    const forProduction = values['production'] === true
    const findings = [
      ...settingFindings(reading, forProduction),
      ...(await inspectFolder(config)),
      ...(await inspectStores({ ...tools, config })),
      await inspectCounting(config),
      await inspectProxies(config.server.trustedProxies),
      await inspectBreached(dataFiles(config.server.dataDir).breached),
      ...(await inspectGateways(config, tools.clock)),
      ...(forProduction ? await productionFindings(reading, tools) : []),
    ]
    return report(reading.sources, findings)
  },
}

function readOrFaults({ settings }: Tools): Reading | Finding[] {
  try {
    return settings()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => fault('settings', sentenceOf(problem)))
    throw error
  }
}

const productionFindings = async (reading: Reading, tools: Tools): Promise<Finding[]> => [
  ...inspectSettings(reading),
  ...(await inspectMachine(reading.config, tools.threadPoolSize)),
  ...(await inspectInDepth({ ...tools, config: reading.config })),
  ...(await inspectPublicUrl(reading.config, tools.clock)),
  ...(await inspectWebhooks(reading.config.sms)),
]

function settingFindings(
  { config, sources, warnings, missingForProduction }: Reading,
  forProduction: boolean,
): Finding[] {
  const set = sources.filter(({ source }) => source !== 'default').length
  return [
    ok('settings', `${set} set, the others have their defaults`),
    ...warnings.map((problem) => warning('settings', sentenceOf(problem))),
    ...(config.production ? [ok('production', 'nothing is missing')] : []),
    // As faults, further down.
    ...(forProduction ? [] : missingForProduction).map((problem) => warning('production', sentenceOf(problem))),
  ]
}

function report(settings: readonly SettingSource[], findings: readonly Finding[]): Report {
  const faults = findings.filter(({ level }) => level === 'fault').length
  const text = [
    ...(settings.length > 0 ? [formatSources(settings), ''] : []),
    formatFindings(findings),
    '',
    faults === 0 ? `Latchkey ${VERSION}: no fault found.` : `Latchkey ${VERSION}: something is wrong, see above.`,
  ].join('\n')
  return {
    kind: faults === 0 ? 'done' : 'failed',
    text,
    data: { version: VERSION, healthy: faults === 0, findings, settings },
  }
}
