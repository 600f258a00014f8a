import { readdirSync, readFileSync } from 'node:fs'

/** What processes have used and hold, with all that descend from them. */
export interface Usage {
  /** Processor time so far, of all their threads; the system counts it in steps of 10 ms. */
  readonly cpuMicroseconds: number
  /** Resident memory; pages that several of them share count for each. */
  readonly residentBytes: number
}

// What /proc counts in, on Linux of every architecture that Node runs on (USER_HZ).
const TICK_MICROSECONDS = 10_000
const PAGE_BYTES = 4096

// Fields of /proc/PID/stat behind the name in brackets (proc_pid_stat(5), where the state is the third).
const [PARENT, USER, SYSTEM, WAITED_USER, WAITED_SYSTEM, RESIDENT] = [1, 11, 12, 13, 14, 21] as const

/** Of these processes and all below them, those that have ended included. Throws where there is no /proc. */
export function usageOf(roots: readonly number[]): Usage {
  const all = readProcesses()
  const tree = new Set(roots)
  // A child's number may be lower than its parent's: until nothing is found any more.
  for (let before = 0; before !== tree.size;) {
    before = tree.size
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid)
  }
  const own = all.filter(({ pid }) => tree.has(pid))
  return {
    cpuMicroseconds: own.reduce((sum, { ticks }) => sum + ticks * TICK_MICROSECONDS, 0),
    residentBytes: own.reduce((sum, { pages }) => sum + pages * PAGE_BYTES, 0),
  }
}

interface Process {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
  readonly pages: number
}

const readProcesses = (): Process[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(name)
      if (stat === undefined) return [] // ended while we read
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const at = (index: number): number => Number(fields[index])
      const ticks = at(USER) + at(SYSTEM) + at(WAITED_USER) + at(WAITED_SYSTEM)
      return [{ pid: Number(name), parent: at(PARENT), ticks, pages: at(RESIDENT) }]
    })

function readStat(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
}
