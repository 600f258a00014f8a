import pino from 'pino'
import { readConfig } from '../src/config.ts'
import { createFirewallAlarm, type FirewallDeps } from '../src/features/sms-firewall/service.ts'
import type { Secret } from '../src/kernel/secret.ts'

/** The firewall as a server with these settings has it. */
export function firewallFor(secret: Secret, settings: Readonly<Record<string, string>> = {}): FirewallDeps {
  const { smsFirewall: rules, codes } = readConfig(settings).config
  return { secret, rules, codeLifetime: codes.lifetime, alarm: createFirewallAlarm(pino({ level: 'silent' })) }
}
