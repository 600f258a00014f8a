import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal, type RefusalCode } from '../../kernel/refusal.ts'
import {
  creationOptions,
  newCredential,
  type No,
  type Passkey,
  passkeysOf,
  registerPasskey,
  registrationOptions,
  renamePasskey,
} from '../passkeys/service.ts'
import { type PasskeyRemovalDeps, takePasskeyAway } from './passkey-removal.ts'

export interface PasskeyRouteDeps extends PasskeyRemovalDeps {
  readonly db: Database
  readonly clock: Clock
}

export function passkeyRoutes(app: App, deps: PasskeyRouteDeps): void {
  optionsRoute(app, deps)
  registerRoute(app, deps)
  listRoute(app, deps)
  renameRoute(app, deps)
  removeRoute(app, deps)
}

const FRESH = { who: 'signed_in', fresh: true } as const

const passkeySchema = z
  .object({
    id: z.uuid().meta({ examples: ['01a20477-337f-71b1-9fb5-ed60045cfd2c'] }),
    name: z.string().meta({ examples: ['Firefox on Linux'] }),
    credential_id: z.string().meta({
      description: 'What browsers and authenticators call it, in base64url.',
      examples: ['XmG0pdZyMZVXBn0TBJIkGw'],
    }),
    created_at: z.iso.datetime().meta({ examples: ['2026-11-22T09:00:00.000Z'] }),
    last_used_at: z.iso
      .datetime()
      .nullable()
      .meta({ examples: ['2026-11-22T09:00:00.000Z'] }),
    backed_up: z.boolean().meta({ description: 'Whether a copy was kept elsewhere when it was used last.' }),
    transports: z.array(z.string()).meta({ description: 'How browsers reach it.', examples: [['internal', 'hybrid']] }),
  })
  .meta({ id: 'Passkey' })

const toAnswer = (passkey: Passkey): z.output<typeof passkeySchema> => ({
  id: passkey.id,
  name: passkey.name,
  credential_id: passkey.credentialId,
  created_at: passkey.createdAt.toISOString(),
  last_used_at: passkey.lastUsedAt?.toISOString() ?? null,
  backed_up: passkey.isBackedUp,
  transports: passkey.transports === '' ? [] : passkey.transports.split(' '),
})

const NAME_MAX = 60

/** On one line, since mails quote it. */
const passkeyName = () =>
  fields
    .identifier()
    .meta({ maxLength: NAME_MAX, examples: ['Phone'] })
    .superRefine(fields.fitForName)
    .superRefine(fields.atMost(NAME_MAX))

function optionsRoute(app: App, deps: PasskeyRouteDeps): void {
  app.post(
    '/api/passkeys/options/',
    {
      config: { access: FRESH },
      schema: {
        operationId: 'readPasskeyCreationOptions',
        tags: ['Factors'],
        summary: 'Register a passkey: what the browser is given',
        description:
          'Options for `PublicKeyCredential.parseCreationOptionsFromJSON()`. Needs a verified e-mail address and a recent ' +
          'sign-in.',
        response: { 200: creationOptions, ...refusals('email_not_verified', 'too_many_passkeys') },
      },
    },
    async (request) => {
      const outcome = await registrationOptions(deps.db, deps.passkeys, request.caller!, deps.clock.now())
      if (outcome.kind !== 'options') throw refusalOf(outcome)
      return outcome.options
    },
  )
}

function registerRoute(app: App, deps: PasskeyRouteDeps): void {
  app.post(
    '/api/passkeys/',
    {
      config: { access: FRESH },
      schema: {
        operationId: 'registerPasskey',
        tags: ['Factors'],
        summary: 'Register a passkey',
        description:
          'Takes what `navigator.credentials.create()` gave, by its `toJSON()`, and keeps it as a way to sign in. Without ' +
          '`name` it is called by the device. At most 20 a user.',
        body: newCredential.extend({ name: passkeyName().optional() }).meta({ id: 'NewPasskey' }),
        response: {
          201: passkeySchema,
          ...refusals('invalid', 'passkey_invalid', 'email_not_verified', 'passkey_in_use', 'too_many_passkeys'),
        },
      },
    },
    async (request, reply) => {
      const { name, ...response } = request.body
      const now = deps.clock.now()
      const offered = { response, name }
      const outcome = await registerPasskey(deps.db, deps.passkeys, request.caller!, offered, request.act(), now)
      if (outcome.kind !== 'added') throw refusalOf(outcome)
      return reply.code(201).send(toAnswer(outcome.passkey))
    },
  )
}

const CODES = {
  gone: 'user_not_found',
  email_not_verified: 'email_not_verified',
  too_many: 'too_many_passkeys',
  in_use: 'passkey_in_use',
  refused: 'passkey_invalid',
} as const satisfies Record<No['kind'], RefusalCode>

const refusalOf = (no: No): Refusal => new Refusal(CODES[no.kind], no.kind === 'refused' ? no.reason : no.kind)

function listRoute(app: App, deps: PasskeyRouteDeps): void {
  app.get(
    '/api/passkeys/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        operationId: 'listPasskeys',
        tags: ['Factors'],
        summary: 'List your passkeys',
        description: 'The oldest first.',
        response: { 200: z.object({ results: z.array(passkeySchema) }).meta({ id: 'Passkeys' }) },
      },
    },
    async (request) => ({ results: (await passkeysOf(deps.db, request.caller!.userId)).map(toAnswer) }),
  )
}

const pathParameters = z.object({ id: z.string().meta({ format: 'uuid', description: "The passkey's id." }) })

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const notFound = () => new Refusal('not_found', 'no such passkey of this user')

/** What is no id is nobody's: PostgreSQL would fail on it. */
function idOf({ id }: { readonly id: string }): string {
  if (!UUID.test(id)) throw notFound()
  return id
}

function renameRoute(app: App, deps: PasskeyRouteDeps): void {
  app.patch(
    '/api/passkeys/:id/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        operationId: 'renamePasskey',
        tags: ['Factors'],
        summary: 'Rename a passkey',
        description: 'One that is not yours is answered like one that does not exist.',
        params: pathParameters,
        body: z.object({ name: passkeyName() }).meta({ id: 'PasskeyName' }),
        response: { 200: passkeySchema, ...refusals('invalid', 'not_found') },
      },
    },
    async (request) => {
      const wanted = { id: idOf(request.params), userId: request.caller!.userId, name: request.body.name }
      const passkey = await renamePasskey(deps.db, deps.passkeys, wanted, request.act(), deps.clock.now())
      if (!passkey) throw notFound()
      return toAnswer(passkey)
    },
  )
}

function removeRoute(app: App, deps: PasskeyRouteDeps): void {
  app.delete(
    '/api/passkeys/:id/',
    {
      config: { access: FRESH },
      schema: {
        operationId: 'removePasskey',
        tags: ['Factors'],
        summary: 'Remove a passkey',
        description:
          'Not the last factor while two factors are on, nor the last way to sign in. One that is not yours is answered ' +
          'like one that does not exist.',
        params: pathParameters,
        response: { 204: z.null(), ...refusals('not_found', 'last_factor', 'last_sign_in_method') },
      },
    },
    async (request, reply) => {
      const which = { id: idOf(request.params), userId: request.caller!.userId }
      const now = deps.clock.now()
      const removal = await deps.db.transaction().execute((db) => takePasskeyAway(db, deps, which, request.act(), now))
      if (removal === 'none') throw notFound()
      if (removal !== 'removed') throw new Refusal(removal, 'the last of its kind')
      deps.passkeys.messages.wake()
      return reply.code(204).send(null)
    },
  )
}
