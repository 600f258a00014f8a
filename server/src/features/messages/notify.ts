import type { Database } from '../../database/schema.ts'
import type { Language } from '../../kernel/language.ts'
import type { User } from '../users/service.ts'
import type { Notice, NoticeKind, NoticeFacts } from './message.ts'
import type { Messages } from './service.ts'

export interface NotifyDeps {
  readonly messages: Messages
  readonly defaultLanguage: Language
}

/** What happened, and where there is one the way to undo it. */
export interface Happening<Kind extends NoticeKind> {
  readonly kind: Kind
  readonly facts: NoticeFacts[Kind]
  readonly undo?: NonNullable<Notice['undo']>
}

/**
 * Tells the user, by mail to the address on file and in his own language, what happened to the account; `to` where that
 * address is not the one on file any more. In the transaction of what happened; wake the messages after it.
 */
export async function notify<Kind extends NoticeKind>(
  db: Database,
  { messages, defaultLanguage }: NotifyDeps,
  user: User,
  happening: Happening<Kind>,
  now: Date,
  to = user.email,
): Promise<void> {
  const language = user.language ?? defaultLanguage
  const isUnproven = to === user.email && user.emailVerifiedAt === null
  const envelope = { channel: 'email', to, userId: user.id, language, isUnproven } as const
  await messages.enqueue(db, { ...happening, ...envelope } as Notice, now)
}
