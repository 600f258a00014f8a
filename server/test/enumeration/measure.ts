import type { Case, Questions } from './cases.ts'
import { createTarget, type Reply, type Target } from './target.ts'

export interface Measured {
  /** In milliseconds. */
  readonly known: readonly number[]
  readonly unknown: readonly number[]
  /** Everything that was answered, without what is new in each answer: one member where nothing tells known from unknown. */
  readonly answers: ReadonlySet<string>
}

// The first requests find code that nobody has run yet.
const WARM_UP = 10

/** Asks about a known and an unknown address in turn, now the one first, now the other, so that what drifts drifts for both. */
export async function measure({ settings = {}, prepare }: Case, rounds: number): Promise<Measured> {
  const target = await createTarget(settings)
  try {
    return await ask(target, await prepare(target, WARM_UP + rounds))
  } finally {
    await target.latchkey.close()
  }
}

async function ask(target: Target, questions: readonly Questions[]): Promise<Measured> {
  const [known, unknown, answers]: [number[], number[], Set<string>] = [[], [], new Set()]
  for (const [round, question] of questions.entries()) {
    const kinds = round % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)
    for (const kind of kinds) {
      const reply = await target.ask(question[kind])
      answers.add(anyones(reply))
      if (round >= WARM_UP) (kind === 'known' ? known : unknown).push(reply.milliseconds)
    }
  }
  return { known, unknown, answers }
}

/** Without ids, and without the address that whoever asked has typed himself. */
const anyones = ({ status, body }: Reply): string =>
  `${status} ${JSON.stringify(body)}`
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/(?:known|nobody)\d+@/g, 'ADDRESS@')
    .replace(/"request_id":"[^"]+"/, '')
