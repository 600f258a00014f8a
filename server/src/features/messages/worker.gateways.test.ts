import { afterEach, expect, it } from 'vitest'
import { startKavenegar } from '../../../test/lookalikes/kavenegar.ts'
import { startSmtp, type SmtpOptions } from '../../../test/lookalikes/smtp.ts'
import { createOutbox } from '../../../test/outbox.ts'
import { minutes, seconds } from '../../kernel/duration.ts'
import { createSmtpGateway } from '../../ports/mail/smtp.ts'
import { createKavenegarGateway } from '../../ports/sms/kavenegar.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** The outbox before a real SMTP server and a Kavenegar that checks as the real one does. */
async function createPremises(options: SmtpOptions = {}, credit = 1_000_000) {
  const outbox = await createOutbox()
  const server = await startSmtp({ security: 'none', ...options })
  const kavenegar = await startKavenegar({ credit })
  const email = createSmtpGateway(
    {
      host: '127.0.0.1',
      port: server.port,
      user: options.login && 'latchkey@example.com',
      password: options.login && 'not the app password',
      security: 'none',
      from: 'no-reply@example.com',
    },
    { clock: outbox.clock },
  )
  const keys = { apiKey: kavenegar.key, sender: undefined, template: undefined }
  const sms = createKavenegarGateway({ ...keys, baseUrl: kavenegar.url })
  const worker = outbox.another({ gateways: { email, sms } })
  closing.push(outbox.close, server.close, kavenegar.close, email.close)
  const row = () => outbox.db.selectFrom('deliveries').selectAll().executeTakeFirstOrThrow()
  return { outbox, server, kavenegar, worker, row }
}

it('brings a Persian mail through SMTP as it was rendered, code and all', async () => {
  const { outbox, server, worker, row } = await createPremises()
  await outbox.post({ ...outbox.mailWithCode('274913'), language: 'fa' })
  await worker.deliverDue()
  const [mail] = server.messages
  expect(mail).toMatchObject({ subject: 'کد تأیید شما در Latchkey', recipients: ['sara@example.com'] })
  expect(mail?.text).toContain('\u2066274913\u2069')
  expect(String(mail?.html)).toContain('<html lang="fa" dir="rtl">')
  expect(await row()).toMatchObject({ status: 'sent', gateway: 'smtp', sealed: null })
})

it('comes back to a server that greylists, and then delivers once', async () => {
  const { outbox, server, worker, row } = await createPremises()
  server.plan(451)
  await outbox.post(outbox.mailWithCode('274913'))
  await worker.deliverDue()
  expect(await row()).toMatchObject({ status: 'queued', attempts: 1 })
  outbox.clock.turn(seconds(30))
  await worker.deliverDue()
  expect(server.messages).toHaveLength(1)
  expect((await row()).status).toBe('sent')
})

it('sends a lost mail a second time under the same Message-ID, and never a third', async () => {
  const { outbox, server, worker, row } = await createPremises()
  server.plan('lost', 5)
  await outbox.post(outbox.mailWithCode('274913'))
  for (let round = 0; round < 4; round++) {
    await worker.deliverDue()
    outbox.clock.turn(seconds(20))
  }
  expect(server.messages).toHaveLength(2)
  expect(new Set(server.messages.map(({ messageId }) => messageId)).size).toBe(1)
  expect(await row()).toMatchObject({ status: 'dead', sealed: null })
})

it('leaves a wrong password to the operator: one attempt, a dead letter that says so, and health', async () => {
  const { outbox, worker, row } = await createPremises({
    login: { user: 'latchkey@example.com', password: 'the app password' },
  })
  await outbox.post(outbox.mailWithCode('274913'))
  await worker.deliverDue()
  expect(await row()).toMatchObject({ status: 'dead', attempts: 1 })
  expect((await row()).reason).toMatch(/^operator_fault: /)
  expect(worker.health().email?.operatorFault?.reason).toContain('535')
  expect(worker.health().sms).toEqual({ gateway: 'kavenegar' })
})

it('brings an SMS through Kavenegar, and tells the operator when the credit is used up', async () => {
  const { outbox, kavenegar, worker } = await createPremises({}, 120)
  await outbox.post(outbox.smsWithCode('274913'))
  await worker.deliverDue()
  expect(kavenegar.sent[0]?.message).toMatch(/\n@localhost #274913$/)
  await outbox.post(outbox.smsWithCode('385024'))
  await worker.deliverDue()
  expect(kavenegar.sent).toHaveLength(1)
  expect(worker.health().sms?.operatorFault?.reason).toContain('418')
})

it('waits for a Kavenegar that is out of order, but not past the life of the code', async () => {
  const { outbox, kavenegar, worker, row } = await createPremises()
  kavenegar.plan(409, 100)
  await outbox.post(outbox.smsWithCode('274913'))
  await worker.deliverDue()
  expect((await row()).status).toBe('queued')
  outbox.clock.turn(minutes(2))
  await worker.deliverDue()
  expect((await row()).reason).toMatch(/^expired; retry: /)
  expect(kavenegar.sent).toEqual([])
})
