import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

/**
 * How an HTTP gateway can fail to answer: silent from the start (`hang`) or in the middle of its body (`hang_in_body`); cut
 * off likewise (`reset`, `cut_in_body`); `html`, `bad_json` and `huge`, a body that never ends, with 200; `html_504`, a
 * proxy's time-out; `redirect`, to itself.
 */
export const HTTP_FAULTS = [
  'hang',
  'hang_in_body',
  'reset',
  'cut_in_body',
  'html',
  'html_500',
  'html_504',
  'bad_json',
  'huge',
  'redirect',
] as const
export type HttpFault = (typeof HTTP_FAULTS)[number]

export function answerWithFault(fault: HttpFault, request: IncomingMessage, response: ServerResponse): void {
  switch (fault) {
    case 'hang':
      return
    case 'hang_in_body':
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"return":')
      return
    case 'reset':
      request.socket.resetAndDestroy()
      return
    case 'cut_in_body':
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"return":', () => request.socket.destroy())
      return
    case 'redirect':
      response.writeHead(307, { location: request.url }).end()
      return
    default:
      answerWithPage(fault, response)
  }
}

const PAGE = '<!doctype html><title>Bad Gateway</title><h1>Bad Gateway</h1>'

/** Goes on for as long as somebody reads. */
function* endlessBody(): Generator<string> {
  yield '{"x":"'
  for (;;) yield 'x'.repeat(64 * 1024)
}

function answerWithPage(fault: 'html' | 'html_500' | 'html_504' | 'bad_json' | 'huge', response: ServerResponse): void {
  if (fault === 'bad_json') response.writeHead(200, { 'content-type': 'application/json' }).end('{"return":{"sta')
  else if (fault === 'huge') Readable.from(endlessBody()).pipe(response)
  else response.writeHead(fault === 'html' ? 200 : Number(fault.slice(5)), { 'content-type': 'text/html' }).end(PAGE)
}

/** A queue of answers to give, one a request, before the look-alike goes back to its own. */
export interface Plan<Reaction> {
  /** The next `times` requests are answered so; `Infinity`: all from now on. */
  plan(reaction: Reaction, times?: number): void
  next(): Reaction | undefined
}

export function createPlan<Reaction>(): Plan<Reaction> {
  const planned: { readonly reaction: Reaction; left: number }[] = []
  return {
    plan(reaction, times = 1) {
      planned.push({ reaction, left: times })
    },
    next() {
      const first = planned[0]
      if (!first) return undefined
      first.left -= 1
      if (first.left <= 0) planned.shift()
      return first.reaction
    },
  }
}
