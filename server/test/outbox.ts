import { pino, type Logger } from 'pino'
import { Writable } from 'node:stream'
import { openDatabase, type OpenOptions } from '../src/database/open.ts'
import type { Database } from '../src/database/schema.ts'
import type { Message } from '../src/features/messages/message.ts'
import { createMessages, type Messages } from '../src/features/messages/service.ts'
import { createWorker, type Worker } from '../src/features/messages/worker.ts'
import type { Phone } from '../src/kernel/address.ts'
import type { SendOutcome } from '../src/kernel/delivery.ts'
import { after, minutes } from '../src/kernel/duration.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { createSecret } from '../src/kernel/secret.ts'
import type { Mail, MailGateway } from '../src/ports/mail/port.ts'
import type { Sms, SmsGateway } from '../src/ports/sms/port.ts'
import { createTurnedClock, type TurnedClock } from './turned-clock.ts'

type Answer<T> = (message: T) => SendOutcome | Promise<SendOutcome>

/** A gateway on the test's own premises: keeps what it is given, and answers as told. */
export interface KeepingGateway<T> {
  readonly name: string
  readonly received: T[]
  answer: Answer<T>
  send(message: T): Promise<SendOutcome>
  close(): Promise<void>
}

function createKeepingGateway<T>(name: string): KeepingGateway<T> {
  const gateway: KeepingGateway<T> = {
    name,
    received: [],
    answer: () => ({ kind: 'sent' }),
    async send(message) {
      gateway.received.push(message)
      return gateway.answer(message)
    },
    async close() {},
  }
  return gateway
}

const SENDER = { productName: 'Latchkey', timeZone: 'Asia/Tehran', host: 'localhost' }

/** The outbox and its worker on a fresh database, with a clock to turn. */
export interface Outbox {
  readonly db: Database
  readonly clock: TurnedClock
  readonly mail: KeepingGateway<Mail> & MailGateway
  readonly sms: KeepingGateway<Sms> & SmsGateway
  readonly messages: Messages
  readonly worker: Worker
  readonly userId: number
  /** What was logged, one object a line. */
  readonly logged: Record<string, unknown>[]
  /** Another worker on the same outbox: another process, as far as the database can tell. */
  another(changes?: Partial<Parameters<typeof createWorker>[0]>): Worker
  /** Stores a message as a committed request would. */
  post(message: Message): Promise<void>
  mailWithCode(code: string): Message
  smsWithCode(code: string): Message
  close(): Promise<void>
}

export async function createOutbox(options: Partial<OpenOptions> = {}): Promise<Outbox> {
  const database = await openDatabase({ location: { kind: 'memory' }, ...options })
  const { db } = database
  const clock = createTurnedClock()
  const secret = createSecret(systemRandom.bytes(32))
  const mail = createKeepingGateway<Mail>('kept-mail')
  const sms = createKeepingGateway<Sms>('kept-sms')
  const { log, logged } = createMemoryLog()
  const deps = { db, gateways: { email: mail, sms }, clock, random: systemRandom, secret, log }
  const worker = createWorker(deps)
  const messages = createMessages({ secret, random: systemRandom, sender: SENDER, wake: () => worker.wake() })
  const userId = await insertUser(db, clock.now())
  const coded = (code: string) =>
    ({ kind: 'verification_code', language: 'en', userId, code, expiresAt: after(clock.now(), minutes(2)) }) as const
  return {
    db,
    clock,
    mail,
    sms,
    messages,
    worker,
    userId,
    logged,
    another: (changes = {}) => createWorker({ ...deps, ...changes }),
    post: (message) => db.transaction().execute((db) => messages.enqueue(db, message, clock.now())),
    mailWithCode: (code) => ({ ...coded(code), channel: 'email', to: 'sara@example.com' }),
    smsWithCode: (code) => ({ ...coded(code), channel: 'sms', to: '+989123456789' as Phone }),
    async close() {
      await worker.stop()
      await database.close()
    },
  }
}

function createMemoryLog(): { log: Logger; logged: Record<string, unknown>[] } {
  const logged: Record<string, unknown>[] = []
  const stream = new Writable({
    write(line: Buffer, _, done) {
      logged.push(JSON.parse(line.toString()) as Record<string, unknown>)
      done()
    },
  })
  return { log: pino(stream), logged }
}

async function insertUser(db: Database, createdAt: Date): Promise<number> {
  const named = { email: 'sara@example.com', emailKey: 'sara@example.com', firstName: '', lastName: '' }
  const { id } = await db
    .insertInto('users')
    .values({ ...named, passwordHash: 'none', createdAt })
    .onConflict((on) => on.doNothing())
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}
