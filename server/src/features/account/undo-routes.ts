import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal } from '../../kernel/refusal.ts'
import { undoOnce, type UndoDeps } from './undo.ts'

export interface UndoRouteDeps extends UndoDeps {
  readonly db: Database
  readonly clock: Clock
}

const undone = z
  .object({
    outcome: z.enum(['cancelled', 'undone']).meta({
      description:
        '`cancelled`: the change had not been made yet. `undone`: it was made, and the account is as it was before.',
    }),
    channel: z.enum(['email', 'phone']),
  })
  .meta({ id: 'ChangeUndone' })

export function undoRoute(app: App, deps: UndoRouteDeps): void {
  app.post(
    '/api/account/undo/',
    {
      config: { access: { who: 'public', scope: 'login' } },
      schema: {
        operationId: 'undoAddressChange',
        tags: ['Users'],
        summary: 'Undo a change of address',
        description:
          'Takes the token that the notice of a change of e-mail or phone carries in its link. A change that waits for its code ' +
          'is cancelled. One that was made is undone until 48 hours after: the old address is back, every session ends, factors ' +
          'added since are gone, and the password is void until a new one is set by reset.',
        body: z
          .object({
            token: fields.verbatim().meta({
              description: "What stands behind the `#` of the mail's link.",
              examples: ['dGhlIGxpbmsncyB0b2tlbg'],
            }),
          })
          .meta({ id: 'ChangeToUndo' }),
        response: { 200: undone, ...refusals('invalid', 'undo_invalid') },
      },
    },
    async (request) => {
      const undoing = await undoOnce(deps, request.body.token, request.act(), deps.clock.now())
      if (undoing.kind === 'invalid') throw new Refusal('undo_invalid', 'no such link, too late, or used')
      return { outcome: undoing.kind, channel: undoing.channel }
    },
  )
}
