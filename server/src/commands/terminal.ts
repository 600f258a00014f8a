import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { Writable } from 'node:stream'

/** Everything that comes on standard input, as text. */
export const readStandardInput = (): Promise<string> => text(process.stdin)

/** One line from the terminal, which shows nothing of it. Rejects with AbortError on Ctrl+C. */
export async function askHidden(question: string): Promise<string> {
  // What readline echoes goes nowhere; the question goes to stderr, so that stdout carries results alone.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  process.stderr.write(question)
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
