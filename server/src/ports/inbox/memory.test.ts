import { expect, it } from 'vitest'
import { mailWith, smsWith } from '../../../test/messages.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { after, minutes } from '../../kernel/duration.ts'
import { createLocalInbox } from './memory.ts'
import type { InboxMessage, InboxShare } from './port.ts'

it('shows mail and SMS as they would have looked, with code, its end and the moment, newest first', async () => {
  const clock = createTurnedClock()
  const inbox = createLocalInbox({ clock })
  const expiresAt = after(clock.now(), minutes(2))
  const mail = mailWith({ expiresAt })
  const { code: _, ...sms } = smsWith()
  await inbox.mail.send(mail)
  clock.turn(minutes(1))
  await inbox.sms.send(sms)
  const { id, to, text } = sms
  const none = { subject: undefined, html: undefined, code: undefined, expiresAt: undefined }
  expect(inbox.messages()).toEqual([
    { id, channel: 'sms', to, text, ...none, sentAt: clock.now() },
    { ...mail, channel: 'email', sentAt: after(clock.now(), minutes(-1)) },
  ])
})

it('finds what went to one address, however its letters are cased', async () => {
  const inbox = createLocalInbox({ clock: createTurnedClock() })
  const mail = mailWith({ to: 'Sara@Example.com' })
  const sms = smsWith()
  await inbox.mail.send(mail)
  await inbox.sms.send(sms)
  expect(inbox.messages('sara@example.COM').map(({ id }) => id)).toEqual([mail.id])
  expect(inbox.messages(sms.to).map(({ id }) => id)).toEqual([sms.id])
  expect(inbox.messages('nobody@example.com')).toEqual([])
})

it('keeps the newest two hundred and lets the rest go', async () => {
  const inbox = createLocalInbox({ clock: createTurnedClock() })
  const mails = Array.from({ length: 250 }, () => mailWith())
  for (const mail of mails) await inbox.mail.send(mail)
  expect(inbox.messages().map(({ id }) => id)).toEqual(
    mails
      .slice(50)
      .map(({ id }) => id)
      .toReversed(),
  )
})

it('shows what another process of the same server sent, and tells that one of its own', async () => {
  const told: string[] = []
  let hear: (message: InboxMessage) => void = () => {}
  const clock = createTurnedClock()
  const share: InboxShare = {
    tell: ({ id }) => void told.push(id),
    hear: (keep) => {
      hear = keep
    },
  }
  const inbox = createLocalInbox({ clock, share })
  const own = smsWith()
  await inbox.sms.send(own)
  const withoutCode = { code: undefined, expiresAt: undefined }
  const others = { ...withoutCode, ...mailWith(), channel: 'email', sentAt: clock.now() } as const
  hear(others)
  expect(inbox.messages().map(({ id }) => id)).toEqual([others.id, own.id])
  expect(told).toEqual([own.id])
})
