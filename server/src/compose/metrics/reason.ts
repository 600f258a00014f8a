import type { RefusalCode } from '../../kernel/refusal.ts'

/** Their reasons quote what was sent, or what broke: there is no end to them. */
const WITHOUT_REASON: ReadonlySet<RefusalCode> = new Set(['invalid', 'parse_error', 'internal_error'])

// Of ours there are some 130. Whatever else comes to be one, a bug or a library's text, makes no more series than these.
const MOST = 300

const OTHER = 'other'

/** An error of a library's, made a reason as it is: what it quotes differs each time, and is the stranger's. */
const LIBRARYS = /^[A-Za-z]*Error: /

/** Gives each refusal the reason it is counted under: one of a bounded set. */
export function createReasons(): (code: RefusalCode, reason: string) => string {
  const known = new Set<string>()
  return (code, reason) => {
    if (WITHOUT_REASON.has(code)) return ''
    if (known.has(reason)) return reason
    if (LIBRARYS.test(reason) || known.size >= MOST) return OTHER
    known.add(reason)
    return reason
  }
}
