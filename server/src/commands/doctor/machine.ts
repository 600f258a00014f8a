import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { processCount } from '../../compose/process-count.ts'
import type { Config } from '../../config.ts'
import { count } from '../command.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

const OLDEST_NODE = 24
// A socket a client, and some for files and gateways.
const LEAST_OPEN_FILES = 4096

/** Whether this machine gives the processes what they count on. */
export async function inspectMachine(config: Config, threadPoolSize: number): Promise<Finding[]> {
  return [nodeFinding(), processFinding(config), threadFinding(threadPoolSize), ...(await limits()), ...userFindings()]
}

function nodeFinding(): Finding {
  const { node } = process.versions
  return Number.parseInt(node, 10) >= OLDEST_NODE
    ? ok('node', node)
    : fault('node', `${node} is too old: ${OLDEST_NODE} or later is needed`)
}

function processFinding(config: Config): Finding {
  const [processes, cores] = [processCount(config), availableParallelism()]
  const text = `${processes === 1 ? '1 process' : `${processes} processes`} on ${count(cores, 'core')}`
  return processes > cores
    ? warning('processes', `${text}: WEB_CONCURRENCY beyond the cores gains nothing`)
    : ok('processes', text)
}

function threadFinding(threads: number): Finding {
  const text = `UV_THREADPOOL_SIZE is ${threads}: ${Math.max(threads - 2, 1)} for password hashes, bounded by the cores`
  return threads < 4 ? warning('threads', `${text}; 8 is the default`) : ok('threads', text)
}

async function limits(): Promise<Finding[]> {
  if (process.platform !== 'linux') return []
  const [, soft = ''] = /^Max open files +(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8')) ?? []
  const text = `${soft} may be open at once`
  return soft !== 'unlimited' && Number(soft) < LEAST_OPEN_FILES
    ? [
        warning(
          'files',
          `${text}, a connection is one: raise it (\`ulimit -n\`, LimitNOFILE) to ${LEAST_OPEN_FILES} or more`,
        ),
      ]
    : [ok('files', text)]
}

const userFindings = (): Finding[] =>
  process.getuid?.() === 0
    ? [warning('user', 'root: run the server as a user of its own, and this as the same one')]
    : []
