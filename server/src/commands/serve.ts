import { type Command, refused } from './command.ts'

/** The whole server is loaded for this command alone, so that the others answer at once. */
export const serveCommand: Command = {
  name: 'serve',
  summary: 'Runs the server, as npm start does.',
  details: `\
Prints where everything is once it answers. SIGTERM or Ctrl+C stops it: requests in hand finish, for ten
seconds at most, and queued messages stay stored; a second signal ends it at once. WEB_CONCURRENCY
says how many processes serve.`,
  options: {
    'no-worker': { type: 'boolean', help: 'sends no mails and text messages: run workers apart' },
  },
  async run({ json, tools, values }) {
    const reading = tools.settings()
    const { production, mail, sms } = reading.config
    const withoutWorker = values['no-worker'] === true
    if (withoutWorker && !production && !(mail && sms.length > 0))
      return refused(
        'Without a gateway messages land in the inbox of the process that serves, and --no-worker would send none there: ' +
          'set EMAIL_HOST and KAVENEGAR_API_KEY (or SMS_WEBHOOK_URL), or leave --no-worker out.',
      )
    const { start } = await import('../start.ts')
    const { threadPoolSize, isTerminal } = tools
    await start(reading, { threadPoolSize, isTerminal: isTerminal && !json, withoutWorker })
    return { kind: 'ended' }
  },
}
