import { stat } from 'node:fs/promises'
import { dataFiles } from '../compose/foundation.ts'
import { importBreached, type ImportProgress } from '../features/passwords/service.ts'
import { after, seconds } from '../kernel/duration.ts'
import { type Call, type Command, noInstallation, refused, type Report } from './command.ts'

export const importPasswords: Command = {
  name: 'passwords import',
  summary: 'Has passwords refused that are in lists of leaked ones.',
  details: `\
A line is the SHA-1 of a password in hexadecimal, or \`HASH:COUNT\` as Have I Been Pwned has it; any other line is a
password itself, in UTF-8. \`-\` reads standard input, which is kept in DATA_DIR until it was read. All lists together
take the place of those imported before, once the last line is read; broken off, it changes nothing. Takes three
bytes of disk for each password, and 512 MiB of memory at most, however long the lists are. Running servers go on with
what they have: restart them.`,
  operand: 'FILE',
  takesSeveral: true,
  options: {
    words: { type: 'boolean', help: 'Every line is a password itself, even one that looks like a hash.' },
  },
  async run(call) {
    const { config } = call.tools.settings()
    const missing = await noInstallation(config)
    if (missing) return missing
    if (call.operands.filter((operand) => operand === '-').length > 1)
      return refused('Standard input can be read once: give - once.')
    return importInto(dataFiles(config.server.dataDir).breached, call)
  },
}

async function importInto(path: string, call: Call): Promise<Report> {
  const { operands, tools, values } = call
  const sources = operands.map((operand) => (operand === '-' ? tools.standardInputBytes() : operand))
  const wordsOnly = values['words'] === true
  const { entries } = await importBreached(path, sources, {
    wordsOnly,
    random: tools.random,
    onProgress: progress(call),
  })
  const { size: bytes } = await stat(path)
  return {
    kind: 'done',
    text:
      `${entries} breached passwords are in ${path} (${(bytes / MEBIBYTE).toFixed(1)} MiB). ` +
      'A server refuses them from its next start on.',
    data: { entries, bytes, path },
  }
}

const MEBIBYTE = 1024 * 1024
const TOLD_EVERY = seconds(2)

/** A line now and then for whoever waits at a terminal. */
function progress({ json, tools }: Call): (progress: ImportProgress) => void {
  const { clock, complain, isTerminal } = tools
  let toldAt = clock.now()
  return ({ stage, done, total }) => {
    const now = clock.now()
    if (json || !isTerminal || now < after(toldAt, TOLD_EVERY)) return
    toldAt = now
    complain(`${stage}: ${Math.floor((done / total) * 100)} % of ${(total / MEBIBYTE).toFixed(0)} MiB read`)
  }
}
