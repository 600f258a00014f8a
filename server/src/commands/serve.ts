import type { Command } from './command.ts'

/** The whole server is loaded for this command alone, so that the others answer at once. */
export const serveCommand: Command = {
  name: 'serve',
  summary: 'Runs the server, as npm start does.',
  details: `\
Prints where everything is once it answers. SIGTERM or Ctrl+C stops it: requests in hand finish, for ten
seconds at most, and queued messages stay stored; a second signal ends it at once.`,
  options: {},
  async run({ json, tools }) {
    const { serve } = await import('../serve.ts')
    const { threadPoolSize, isTerminal } = tools
    await serve(tools.settings(), { threadPoolSize, isTerminal: isTerminal && !json })
    return { kind: 'ended' }
  },
}
