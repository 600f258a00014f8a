import { CASES } from '../../server/test/enumeration/cases.ts'
import { measure } from '../../server/test/enumeration/measure.ts'
import { deviations, median, shareLonger } from '../../server/test/enumeration/ranks.ts'

/**
 * Whether time tells an address that has an account from one that has none, over many more samples than a test can take.
 * `node bench/abuse/enumeration.ts [rounds]`. `longer`: how often a known address takes longer than an unknown one (Mann and
 * Whitney's U over all pairs); ½ is chance. `deviations`: how far that is from chance; about ±2 is nothing.
 */

const rounds = Number(process.argv[2] ?? 500)
const widths = [42, 10, 10, 8, 10]
const line = (...cells: readonly (string | number)[]): string =>
  cells
    .map((cell, index) => (index === 0 ? String(cell).padEnd(widths[0]!) : String(cell).padStart(widths[index]!)))
    .join(' ')

console.log(`${rounds} rounds each; medians in ms\n`)
console.log(line('', 'known', 'unknown', 'longer', 'deviations'))
for (const each of CASES) {
  const { known, unknown, answers } = await measure(each, rounds)
  const share = shareLonger(known, unknown)
  const told = answers.size === 1 ? '' : '  THE ANSWERS DIFFER'
  const figures = [
    median(known).toFixed(2),
    median(unknown).toFixed(2),
    share.toFixed(3),
    deviations(share, rounds).toFixed(1),
  ]
  console.log(line(each.name, ...figures) + told)
}
