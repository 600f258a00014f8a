import { openTracing } from '../compose/tracing.ts'
import { composeWorker } from '../compose/worker.ts'
import { createLogger, endProcess, stopSignal } from '../run-until-stopped.ts'
import { type Command, noInstallation, refused } from './command.ts'

export const workerCommand: Command = {
  name: 'worker',
  summary: 'Sends queued mails and text messages, without serving.',
  details: `\
Any number of them may run beside any number of servers, each of which also sends. Takes only the
channels that have a gateway. Wants an installation: start the server once before. SIGTERM or Ctrl+C
stops it: what is in hand is finished, the rest stays stored.`,
  options: {},
  async run({ tools }) {
    const { config } = tools.settings()
    if (!config.mail && config.sms.length === 0)
      return refused('There is no gateway to send by: set EMAIL_HOST, KAVENEGAR_API_KEY or SMS_WEBHOOK_URL.')
    // On a mistyped folder it would wait for ever for messages that are queued in another.
    const refusal = await noInstallation(config)
    if (refusal) return refusal
    const tracing = await openTracing()
    const logger = createLogger(config.server.logLevel, { tracing })
    const stopped = stopSignal()
    const { channels, worker, close } = await composeWorker({ ...tools, config, logger, tracing })
    worker.start()
    logger.info({ channels }, 'sending')
    logger.info({ signal: await stopped }, 'stopping: messages in hand are finished, the rest stays stored')
    await close()
    logger.info('stopped')
    return endProcess()
  },
}
