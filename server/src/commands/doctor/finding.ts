/** One thing the doctor looked at. A fault keeps the server from doing its work, a warning may. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'fault'
  readonly topic: string
  readonly text: string
}

export const ok = (topic: string, text: string): Finding => ({ level: 'ok', topic, text })
export const warning = (topic: string, text: string): Finding => ({ level: 'warning', topic, text })
export const fault = (topic: string, text: string): Finding => ({ level: 'fault', topic, text })

/** A table for a terminal. What has several lines goes on under its first. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ topic }) => topic.length))
  const indent = `\n${' '.repeat(width + 11)}`
  return findings
    .map(({ level, topic, text }) => `${level.padEnd(7)}  ${topic.padEnd(width)}  ${text.replaceAll('\n', indent)}`)
    .join('\n')
}
