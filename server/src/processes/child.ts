import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { explain } from '../compose/explain.ts'
import { run } from '../serve.ts'
import { stopSignal } from '../run-until-stopped.ts'
import { siblingsBy } from './siblings.ts'
import { send, type Task, type ToChild, type ToPrimary } from './wire.ts'

/** One of several processes that serve the same port: started by `primary.ts`, and by nobody else. */

const worker = thisWorker()

const tell = (message: ToPrimary): void => send(worker, message)

function thisWorker(): Worker {
  if (cluster.worker) return cluster.worker
  throw new Error('this is started by the server, with WEB_CONCURRENCY; to serve, start main')
}

function listen(hear: (message: ToChild) => void): void {
  process.on('message', (message) => hear(message as ToChild))
}

/** The task comes first of all messages. */
async function task(): Promise<Task> {
  const [message] = (await once(process, 'message')) as [ToChild]
  if (message.kind !== 'serve') throw new Error(`${message.kind} came before the task`)
  return message.task
}

/** A signal to this process alone, the first process's word, or its end, after which nobody could tell us to stop. */
function toldToStop(): Promise<string> {
  const byPrimary = new Promise<string>((resolve) => {
    listen(({ kind }) => {
      if (kind === 'stop') resolve('stop')
    })
    worker.on('disconnect', () => {
      // Node would end this process here and now, with requests in hand.
      worker.exitedAfterDisconnect = true
      resolve('the first process is gone')
    })
  })
  return Promise.race([stopSignal(), byPrimary])
}

try {
  const stopped = toldToStop()
  const { reading, ...options } = await task()
  const siblings = siblingsBy(tell, listen)
  await run(reading, { ...options, siblings, stopped, onReady: (facts) => tell({ kind: 'listening', facts }) })
} catch (error) {
  worker.send({ kind: 'failed', why: explain(error) } satisfies ToPrimary, () => process.exit(1))
}
