import { sentenceOf, type Problem } from './config/problem.ts'

/** What is to be told once the server answers. */
export interface ReadyFacts {
  readonly version: string
  /** `PUBLIC_URL`, or the local address with the port that was really taken; without a slash at its end. */
  readonly url: string
  readonly databasePath: string
  readonly keysPath: string
  /** Undefined when `SECRET_KEY` is set, so that no file holds it. */
  readonly secretPath: string | undefined
  /** What lands in the local inbox, for want of a gateway; empty when nothing does or the inbox is closed. */
  readonly inboxFor: readonly ('mails' | 'text messages')[]
  /** The command that makes the first admin; undefined once there is one. */
  readonly firstAdmin: string | undefined
  readonly warnings: readonly Problem[]
  readonly missingForProduction: readonly Problem[]
  /** How many processes serve; undefined: one. */
  readonly processes?: number
}

/** For a person a block to read, for anything else one line of JSON that says the same. Ends with a newline; no secret. */
export const readyText = (facts: ReadyFacts, isTerminal: boolean): string =>
  isTerminal ? readyBlock(facts) : `${JSON.stringify(readyFields(facts))}\n`

const inboxWarning = (inboxFor: ReadyFacts['inboxFor']): string =>
  `Without a gateway ${inboxFor.join(' and ')} land in the inbox: whoever reaches this port can read every code.`

function linksOf({ url, inboxFor }: ReadyFacts) {
  return {
    docs: `${url}/api/schema/ui/`,
    ...(inboxFor.length > 0 && { inbox: `${url}/dev/inbox/` }),
    health: `${url}/healthz`,
  }
}

function readyFields(facts: ReadyFacts): object {
  const { version, url, databasePath, keysPath, secretPath, inboxFor, firstAdmin } = facts
  return {
    event: 'ready',
    version,
    url,
    ...(facts.processes !== undefined && { processes: facts.processes }),
    ...linksOf(facts),
    database: databasePath,
    keys: keysPath,
    secret: secretPath ?? 'SECRET_KEY',
    ...(firstAdmin !== undefined && { first_admin: firstAdmin }),
    warnings: [...(inboxFor.length > 0 ? [inboxWarning(inboxFor)] : []), ...facts.warnings.map(sentenceOf)],
    missing_for_production: facts.missingForProduction.map(sentenceOf),
  }
}

function readyBlock(facts: ReadyFacts): string {
  const { docs, inbox, health } = linksOf(facts)
  const places: readonly (readonly [string, string | undefined])[] = [
    ['Docs', docs],
    ['Inbox', inbox],
    ['Health', health],
    ['Data', facts.databasePath],
    ['Keys', facts.keysPath],
    ['Secret', facts.secretPath ?? 'SECRET_KEY'],
  ]
  const known = places.filter(([, place]) => place !== undefined).map(([title, place]) => `${title.padEnd(8)}${place}`)
  return [
    `\nLatchkey ${facts.version} answers at ${facts.url}${byHowMany(facts)}\n`,
    section('', known),
    section('No admin yet. The first one is made by:', facts.firstAdmin === undefined ? [] : [facts.firstAdmin]),
    facts.inboxFor.length > 0 ? `${inboxWarning(facts.inboxFor)}\n` : '',
    section('Most likely not meant:', facts.warnings.map(sentenceOf)),
    section('Not fit for production yet:', facts.missingForProduction.map(sentenceOf)),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

const byHowMany = ({ processes }: ReadyFacts): string => (processes === undefined ? '' : `, by ${processes} processes`)

/** A titled list, indented; nothing at all when the list is empty. */
function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return ''
  return [...(title === '' ? [] : [title]), ...lines.map((line) => `  ${line}`), ''].join('\n')
}
