/**
 * A restore in a process of its own that is killed by itself: `restore-process.ts DATA_DIR FILE STEP` is gone, as by kill -9, in
 * front of that step; with a step there is none of, it does its work and names every step it passed.
 */
import { restore } from '../../src/compose/backup/restore.ts'
import { readConfig } from '../../src/config.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'

const [dataDir = '', archive = '', fatal] = process.argv.slice(2)

const { kind } = await restore({
  config: readConfig({ DATA_DIR: dataDir }).config,
  clock: systemClock,
  random: systemRandom,
  archive,
  replace: true,
  checkOnly: false,
  onProgress: (stage) => beforeStep(stage),
  beforeStep,
})
process.stdout.write(`${kind}\n`)

function beforeStep(step: string): void {
  if (step === fatal) process.kill(process.pid, 'SIGKILL')
  process.stdout.write(`${step}\n`)
}
