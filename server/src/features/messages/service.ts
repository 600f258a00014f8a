import type { Database } from '../../database/schema.ts'
import { type Email, mailboxKey } from '../../kernel/address.ts'
import { after, before, days } from '../../kernel/duration.ts'
import { uuidv7, type Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Limiter } from '../../ports/limiter/port.ts'
import { sealContent, type Content } from './content.ts'
import type { Message } from './message.ts'
import { countSince, insertDecoy, insertDelivery } from './outbox.ts'
import { renderMail } from './templates/mail.ts'
import { renderSms } from './templates/sms.ts'
import type { Sender } from './templates/wording.ts'

export type { Message } from './message.ts'
export { notify, type NotifyDeps } from './notify.ts'
export { type Backlog, backlog } from './outbox.ts'
export { type Resealed, resealQueued } from './reseal.ts'
export { type Waiting, waiting } from './waiting.ts'

// A notice that comes later than a day frightens more than it helps.
const NOTICE_LIFETIME = days(1)

// Whoever registered with a stranger's address can bring about as many notices to it as he likes; the tenth a day tells its
// owner all that the hundredth would.
const NOTICES_A_DAY = 10

// An address nobody has proven may be a stranger's, and account after account may be made with it: there all kinds are one count.
const UNPROVEN = { scope: 'notices_unproven', rate: { quota: NOTICES_A_DAY, period: days(1) } }

export interface Messages {
  /**
   * Stores the message, rendered and sealed, through `db`: the caller's transaction, so that it is sent if and only if
   * what it tells of was committed. A worker sends it until its code expires (a notice: for a day). A user is given ten
   * notices of a kind a day, and no more; an address that nobody has proven ten of all kinds. A message to nobody (`userId`
   * null) is written at the same cost and never sent.
   */
  enqueue(db: Database, message: Message, now: Date): Promise<void>
  /** To be called after that commit: a worker in this process looks at once, others within a second. */
  wake(): void
}

interface MessagesDeps {
  readonly secret: Secret
  readonly random: Random
  readonly sender: Sender
  readonly wake: () => void
  /** Counts what goes to addresses nobody has proven. Absent: not counted, since it is an operator who writes to them. */
  readonly limiterOn?: (db: Database, now: Date) => Limiter
}

export function createMessages({ secret, random, sender, wake, limiterOn }: MessagesDeps): Messages {
  return {
    wake,
    async enqueue(db, message, now) {
      if (await isOneNoticeTooMany(db, message, limiterOn?.(db, now), now)) return
      const id = uuidv7(random, now)
      const delivery = {
        id,
        channel: message.channel,
        userId: typeof message.userId === 'number' ? message.userId : null,
        template: message.kind,
        sealed: sealContent(secret, contentOf(message, sender, now), id, random),
        deadline: 'expiresAt' in message ? message.expiresAt : after(now, NOTICE_LIFETIME),
      }
      await (message.userId === null ? insertDecoy(db, delivery, now) : insertDelivery(db, delivery, now))
    },
  }
}

async function isOneNoticeTooMany(
  db: Database,
  message: Message,
  limiter: Limiter | undefined,
  now: Date,
): Promise<boolean> {
  if ('code' in message || message.undo || typeof message.userId !== 'number') return false
  if ((await countSince(db, message.userId, message.kind, before(now, days(1)))) >= NOTICES_A_DAY) return true
  if (!limiter || !message.isUnproven) return false
  return !(await limiter.take(UNPROVEN.scope, mailboxKey(message.to as Email), UNPROVEN.rate)).allowed
}

function contentOf(message: Message, sender: Sender, now: Date): Content {
  const code = 'code' in message ? { code: message.code, expiresAt: message.expiresAt } : {}
  if (message.channel === 'email') {
    return { channel: 'email', to: message.to, ...renderMail(message, sender, now), ...code }
  }
  const { to, language } = message
  return { channel: 'sms', to, language, text: renderSms(message, sender, now), ...code }
}
