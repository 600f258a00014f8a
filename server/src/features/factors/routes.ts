import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Act } from '../../kernel/act.ts'
import { renewRecoveryCodes } from './enrolment.ts'
import { overviewOf } from './overview.ts'
import { refusalOf } from './refusals.ts'
import { type FactorRouteDeps, totpRoutes } from './totp-routes.ts'
import { type Asker, turnOff, turnOn } from './two-factor.ts'
import { codesMade, overview, toOverview, twoFactorState } from './wire.ts'

export function factorRoutes(app: App, deps: FactorRouteDeps): void {
  overviewRoute(app, deps)
  twoFactorRoute(app, deps)
  totpRoutes(app, deps)
  recoveryCodesRoute(app, deps)
}

function overviewRoute(app: App, deps: FactorRouteDeps): void {
  app.get(
    '/api/factors/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        operationId: 'readFactors',
        tags: ['Factors'],
        summary: 'See what you can prove yourself by',
        description:
          'The channels, authenticator app, passkeys and recovery codes you have, and whether two factors are on.',
        response: { 200: overview, ...refusals('user_not_found') },
      },
    },
    async (request) => {
      const factors = await overviewOf(deps.db, deps.rules, request.caller!.userId)
      if (!factors) throw refusalOf({ kind: 'gone' })
      return toOverview(factors)
    },
  )
}

function twoFactorRoute(app: App, deps: FactorRouteDeps): void {
  app.put(
    '/api/two-factor/',
    {
      config: { access: { who: 'signed_in', fresh: true } },
      schema: {
        operationId: 'setTwoFactor',
        tags: ['Factors'],
        summary: 'Turn two factors on or off',
        description:
          'On: from now on a password or any other first factor alone opens nothing. Every other session that has not passed a ' +
          'second factor ends, and ten recovery codes are given. Off: needs a session that passed one. What is so already ' +
          'stays as it is.',
        body: z.object({ enabled: fields.boolean().meta({ examples: [true] }) }).meta({ id: 'TwoFactorChange' }),
        response: {
          200: twoFactorState,
          ...refusals('invalid', 'user_not_found', 'email_not_verified', 'second_factor_required', 'no_usable_factor'),
        },
      },
    },
    async (request) => {
      const { userId, sessionId } = request.caller!
      const change = request.body.enabled ? enable : disable
      return change(deps, { userId, sessionId }, request.act(), deps.clock.now())
    },
  )
}

type Change = (deps: FactorRouteDeps, asker: Asker, act: Act, now: Date) => Promise<z.output<typeof twoFactorState>>

const enable: Change = async (deps, asker, act, now) => {
  const turned = await deps.db.transaction().execute((db) => turnOn(db, deps, asker, act, now))
  if (turned.kind === 'on_already') return { enabled: true }
  if (turned.kind !== 'on') throw refusalOf(turned)
  deps.messages.wake()
  return { enabled: true, recovery_codes: [...turned.recoveryCodes] }
}

const disable: Change = async (deps, asker, act, now) => {
  const turned = await deps.db.transaction().execute((db) => turnOff(db, deps, asker, act, now))
  if (turned.kind === 'second_factor_required') throw refusalOf(turned)
  if (turned.kind === 'gone') throw refusalOf({ kind: 'gone' })
  deps.messages.wake()
  return { enabled: false }
}

function recoveryCodesRoute(app: App, deps: FactorRouteDeps): void {
  app.post(
    '/api/recovery-codes/',
    {
      config: { access: { who: 'signed_in', fresh: true } },
      schema: {
        operationId: 'makeRecoveryCodes',
        tags: ['Factors'],
        summary: 'Make new recovery codes',
        description: 'Ten new ones, told this once; the old ones are void.',
        response: { 200: codesMade, ...refusals('email_not_verified', 'user_not_found') },
      },
    },
    async (request) => {
      const userId = request.caller!.userId
      const now = deps.clock.now()
      const made = await deps.db.transaction().execute((db) => renewRecoveryCodes(db, deps, userId, request.act(), now))
      if (made.kind !== 'made') throw refusalOf(made)
      deps.messages.wake()
      return { recovery_codes: [...made.recoveryCodes] }
    },
  )
}
