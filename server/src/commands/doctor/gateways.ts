import { checkMail, checkSms, type GatewayCheck } from '../../compose/gateways.ts'
import type { Config } from '../../config.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

// Some fifty messages at the least that Kavenegar has ever asked for one: time enough to pay.
const LOW_CREDIT_RIALS = 100_000

/** Logs in at the gateways, and sends nothing. */
export async function inspectGateways(config: Config, clock: Clock): Promise<Finding[]> {
  const { mail, sms, production } = config
  const checkedMail = await checkMail(config, clock)
  return [
    findingOf('mail', mail ? `${mail.host}:${mail.port}` : '', checkedMail, production),
    ...(sms.length === 0 ? [findingOf('text messages', '', { kind: 'not_set' }, production)] : []),
    ...(await Promise.all(
      sms.map(async (one) => findingOf('text messages', one.kind, await checkSms(one), production)),
    )),
  ]
}

function findingOf(topic: string, gateway: string, check: GatewayCheck, production: boolean): Finding {
  switch (check.kind) {
    case 'ready':
      return check.creditRials === undefined
        ? ok(topic, `${gateway} lets us in`)
        : credit(topic, gateway, check.creditRials)
    case 'failed':
      return fault(topic, check.reason)
    case 'unasked':
      return ok(topic, `${gateway} is set; it cannot be asked without sending`)
    case 'not_set':
      return production
        ? warning(topic, 'no gateway: codes that way are answered 503')
        : ok(topic, 'no gateway: they land in the local inbox')
  }
}

function credit(topic: string, gateway: string, rials: number): Finding {
  const text = `${gateway} knows our key; ${rials} rials of credit left`
  if (rials <= 0) return fault(topic, text)
  return rials < LOW_CREDIT_RIALS ? warning(topic, text) : ok(topic, text)
}
