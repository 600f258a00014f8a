import { UNLIMITED } from './unlimited.ts'
import { createWorld, ON_SQLITE, type World } from './world.ts'

/** A statement by its verb and its table: what it costs. */
const costOf = (sql: string): string =>
  /^(?:begin|commit|rollback)/.exec(sql)?.[0] ?? `${sql.split(' ')[0]} ${/(?:from|into|update) "(\w+)"/.exec(sql)?.[1]}`

/** What somebody was answered, and what that asked of the database, statement by statement. */
export interface Costed<T> {
  readonly answer: T
  readonly cost: readonly string[]
}

export interface CostedWorld {
  readonly world: World
  costs<T>(act: () => Promise<T>): Promise<Costed<T>>
}

/** A world that tells what an act asks of the database: where two acts are to be alike, their statements are. */
export async function createCostedWorld(settings: Readonly<Record<string, string>>): Promise<CostedWorld> {
  let statements: string[] = []
  const beforeStatement = (sql: string): void => void statements.push(costOf(sql))
  const world = await createWorld({
    settings: { ...UNLIMITED, ...settings },
    compose: { ...ON_SQLITE, beforeStatement },
  })
  return {
    world,
    async costs(act) {
      statements = []
      const answer = await act()
      return { answer, cost: [...statements] }
    },
  }
}
