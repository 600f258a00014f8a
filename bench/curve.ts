import { CONNECTIONS, type Contender } from './contenders.ts'
import { expectOnly, list, percentile } from './measure.ts'
import { measure } from './load.ts'
import { table } from './table.ts'

/** Parts of the sign-ins a second that the machine is able to do. */
const LOADS = [0, 0.25, 0.5, 0.75, 1, 1.5]
const QUICK_LOADS = [0, 1]

// More than the server lets wait, so that past saturation it must refuse some.
const PEOPLE = 128

interface CurveOptions {
  /** The most sign-ins a second that were seen. */
  readonly saturation: number
  readonly seconds: number
  readonly isQuick: boolean
}

/** How long `me`, asked 200 times a second, waits beside so many sign-ins a second. Those past what can be done are refused with 503. */
export async function curveOf(contender: Contender, { saturation, seconds, isQuick }: CurveOptions): Promise<string> {
  const { me, 'sign-in': signIn } = contender.does
  const rows: string[][] = []
  for (const part of isQuick ? QUICK_LOADS : LOADS) {
    const perSecond = part * saturation
    const load = { port: contender.child.port, connections: PEOPLE, seconds, perSecond, next: signIn!.next }
    const flood = part === 0 ? undefined : measure(load)
    const cheap = { port: contender.child.port, seconds, connections: CONNECTIONS / 4, perSecond: 200, next: me!.next }
    const asked = await measure(cheap)
    expectOnly(200, 'me beside sign-ins', asked)
    const signIns = await flood
    rows.push([
      perSecond.toFixed(0),
      ...[asked, signIns].flatMap((each) => [0.5, 0.99].map((of) => (each ? percentile(each, of).toFixed(1) : ''))),
      signIns ? list(signIns.statuses) : '',
    ])
  }
  const head = ['sign-ins asked a second', 'me p50 ms', 'me p99 ms', 'sign-in p50 ms', 'sign-in p99 ms', 'answers']
  return table(head, rows)
}
