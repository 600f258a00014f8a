/**
 * Kills the server with `kill -9` at a random moment under load, 50 rounds or as many as told, and checks the invariants I1
 * to I9 after each restart. Takes five to ten seconds a round and at most another minute at the end, for what was in hand
 * when the server died; `npm test` runs three rounds.
 *
 *     npm run faults -- 50
 */
import { killRounds } from './kill/rounds.ts'

const count = Number(process.argv[2] ?? '50')
const say = (line: string): void => console.log(line)
const violations = await killRounds(count, { untilLeasesEnd: true, say })
for (const violation of violations) console.error(violation)
console.log(violations.length === 0 ? `${count} rounds, nothing broken` : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
