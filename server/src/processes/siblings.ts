import type { Siblings } from '../compose/siblings.ts'
import type { ToChild, ToPrimary } from './wire.ts'

/** The other processes, reached by way of the first one. */
export function siblingsBy(
  tell: (message: ToPrimary) => void,
  listen: (hear: (message: ToChild) => void) => void,
): Siblings {
  const waiting = new Map<number, (all: object[][]) => void>()
  let asked = 0
  listen((message) => {
    if (message.kind !== 'measured') return
    waiting.get(message.asked)?.([...message.all])
    waiting.delete(message.asked)
  })
  return {
    inbox: {
      tell: (message) => tell({ kind: 'inbox', message }),
      hear: (keep) =>
        listen((message) => {
          if (message.kind === 'inbox') keep(message.message)
        }),
    },
    metrics: {
      answerWith: (measure) =>
        listen((message) => {
          if (message.kind !== 'measure') return
          const { id } = message
          measure().then(
            (metrics) => tell({ kind: 'measure', id, metrics }),
            () => tell({ kind: 'measure', id, metrics: [] }),
          )
        }),
      gather: () =>
        new Promise((resolve) => {
          waiting.set(++asked, resolve)
          tell({ kind: 'gather', asked })
        }),
    },
  }
}
