import { join } from 'node:path'
import { run } from '../src/commands/run.ts'
import type { Tools } from '../src/commands/command.ts'
import { type Foundation, openFoundation } from '../src/compose/foundation.ts'
import { type Config, readConfig } from '../src/config.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { temporaryFolder } from './database.ts'
import { createTurnedClock, type TurnedClock } from './turned-clock.ts'

export interface Typed {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What `--json` printed. */
  // A test says what it expects and fails where it differs.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
}

/** An operator at a terminal, on a data folder of the test's own. */
export interface CommandWorld {
  readonly dataDir: string
  readonly clock: TurnedClock
  config(): Config
  /** Changes the settings for what is typed from now on; undefined takes one away. */
  set(changes: Readonly<Record<string, string | undefined>>): void
  type(words: string, given?: { readonly standardInput?: string; readonly answers?: readonly string[] }): Promise<Typed>
  /** Does the work on the data, as a server would, and closes it again. */
  inside<T>(work: (foundation: Foundation) => Promise<T>): Promise<T>
}

/** One whose data folder a server was started on before. */
export async function startedWorld(settings: Readonly<Record<string, string>> = {}): Promise<CommandWorld> {
  const world = createCommandWorld(settings)
  await world.inside(async () => {})
  return world
}

export function createCommandWorld(settings: Readonly<Record<string, string>> = {}): CommandWorld {
  const dataDir = join(temporaryFolder(), 'data')
  const clock = createTurnedClock()
  let environment: Record<string, string | undefined> = { DATA_DIR: dataDir, ...settings }
  const config = () => readConfig(environment).config

  return {
    dataDir,
    clock,
    config,
    set(changes) {
      environment = { ...environment, ...changes }
    },
    async type(words, { standardInput = '', answers } = {}) {
      const lines = { out: [] as string[], err: [] as string[] }
      const waiting = [...(answers ?? [])]
      const tools: Tools = {
        settings: () => readConfig(environment),
        clock,
        random: systemRandom,
        threadPoolSize: 4,
        isTerminal: false,
        standardInput: async () => standardInput,
        async *standardInputBytes() {
          yield Buffer.from(standardInput)
        },
        askHidden: answers && (async () => waiting.shift() ?? ''),
        print: (text) => lines.out.push(text),
        complain: (text) => lines.err.push(text),
      }
      const code = await run(words.split(' ').filter(Boolean), tools)
      const [out, err] = [lines.out.join('\n'), lines.err.join('\n')]
      return { code, out, err, json: words.includes('--json') ? JSON.parse(out || err) : undefined }
    },
    async inside(work) {
      const foundation = await openFoundation({ config: config(), clock, random: systemRandom })
      try {
        return await work(foundation)
      } finally {
        await foundation.close()
      }
    },
  }
}
