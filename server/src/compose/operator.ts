import type { Config } from '../config.ts'
import type { AdministrationDeps, PasswordMailDeps } from '../features/account/service.ts'
import { createAudit } from '../features/audit/service.ts'
import { createMessages } from '../features/messages/service.ts'
import type { Random } from '../kernel/random.ts'
import type { Foundation } from './foundation.ts'

export type OperatorDeps = AdministrationDeps & PasswordMailDeps

/**
 * What changing an account at the command line asks for. Messages are stored as a server would store them; a server or worker
 * sends them, whichever runs next.
 */
export function createOperatorDeps({ secret }: Foundation, config: Config, random: Random): OperatorDeps {
  const { publicUrl, port } = config.server
  const ownUrl = publicUrl ?? `http://localhost:${port}`
  const sender = { ...config, host: new URL(ownUrl).hostname }
  return {
    secret,
    random,
    audit: createAudit({ random }),
    messages: createMessages({ secret, random, sender, wake: () => {} }),
    defaultLanguage: config.defaultLanguage,
    rules: config.signIn,
    resetLifetime: config.passwordResetLifetime,
    ownUrl: () => ownUrl,
  }
}
