/** One thing wrong with what the operator set. `setting` and `message` read as one sentence; neither holds a secret. */
export interface Problem {
  /** The setting's name, or the place in `.env` where no name could be read. */
  readonly setting: string
  readonly message: string
}

/** Everything wrong with the settings at once, so that an operator mends them in one go. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super([`${count} with the settings:`, ...problems.map(sentenceOf)].join('\n  '))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export const sentenceOf = ({ setting, message }: Problem): string => `${setting} ${message}`
