import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { baseUrl } from '../../http/base-url.ts'
import { networkOf } from '../../http/client-address.ts'
import { requireFresh } from '../../http/guard.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import { emailKey, type Region } from '../../kernel/address.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { Throttle } from '../../http/throttle.ts'
import { whenGone } from '../../http/when-gone.ts'
import type { WayInRules } from '../factors/service.ts'
import { created, type Remember } from '../idempotency/service.ts'
import type { Channel } from '../otp/service.ts'
import { requireProof } from '../proof-of-work/service.ts'
import { findSession } from '../sessions/service.ts'
import { findById, settleConflict, toSummary, type User, userSummary } from '../users/service.ts'
import { type ChangedBy, isSensitive, stepsOf } from './addresses.ts'
import { type AddressCodeDeps, sendCode } from './codes.ts'
import { changeProfile, type ProfileChanges, type ProfileDeps } from './profile.ts'
import { deleteAccount } from './deletion.ts'
import { type NeutralRouteDeps, neutralRegistrationRoutes } from './neutral-routes.ts'
import { register, registrationBody } from './registration.ts'
import { noSuchUser, refuseChange } from './refusals.ts'
import { emailIn, refuseFaultyBody } from './taken.ts'
import {
  ownDetail,
  ownProfileBodies,
  profileBodies,
  toDetail,
  toOwnDetail,
  userDetail,
  userIdParameter,
  userIdIn,
} from './wire.ts'

export interface AccountDeps extends AddressCodeDeps, NeutralRouteDeps, ProfileDeps {
  readonly factorRules: WayInRules
  readonly throttle: Throttle
  readonly region: Region
}

export function accountRoutes(app: App, deps: AccountDeps): void {
  if (deps.isNeutral) neutralRegistrationRoutes(app, deps)
  else registrationRoute(app, deps)
  recordRoutes(app, deps, '/api/users/:id/')
  recordRoutes(app, deps, '/api/users/me/')
}

function registrationRoute(app: App, deps: AccountDeps): void {
  app.post(
    '/api/users/',
    {
      config: { access: { who: 'anonymous_or_admin', scope: 'register' }, idempotent: true },
      attachValidation: true,
      schema: {
        operationId: 'registerUser',
        tags: ['Users'],
        summary: 'Register',
        description: 'Makes an account. For the anonymous and for admins; whoever is signed in already is refused.',
        body: registrationBody(deps.passwords),
        response: {
          201: userSummary,
          ...refusals('invalid', 'permission_denied', 'proof_of_work_required', 'overloaded'),
        },
      },
    },
    async (request, reply) => {
      await requireProof(deps.proofOfWork, request, { purpose: 'registration' }, deps.clock.now())
      await refuseFaultyBody(deps, request)
      const summaryOf = (user: User) => toSummary(user, baseUrl(deps.urls, request))
      const remember = request.remember((user: User) => created(summaryOf(user)))
      const how = { act: request.act(), signal: whenGone(reply), remember }
      const summary = summaryOf(await register(deps, request.body, how, deps.clock.now()))
      return reply.code(201).header('location', summary.url).send(summary)
    },
  )
}

type RecordPath = '/api/users/:id/' | '/api/users/me/'

/** One set of routes on two paths: a user by number, and the caller. */
function recordRoutes(app: App, deps: AccountDeps, path: RecordPath): void {
  readRoute(app, deps, path)
  changeRoutes(app, deps, path)
  deleteRoute(app, deps, path)
}

/** What the routes of a path have in common. */
function recordOf(path: RecordPath) {
  const isMe = path === '/api/users/me/'
  return {
    isMe,
    name: isMe ? 'Me' : 'User',
    answer: isMe ? ownDetail : userDetail,
    toAnswer: isMe ? toOwnDetail : toDetail,
    shared: { tags: ['Users'], ...(isMe ? {} : { params: z.object({ id: userIdParameter }) }) },
    config: { access: { who: isMe ? 'signed_in' : 'self_or_admin' } } as const,
  }
}

function readRoute(app: App, deps: AccountDeps, path: RecordPath): void {
  const { isMe, name, answer, toAnswer, shared, config } = recordOf(path)
  app.get(
    path,
    {
      config,
      schema: {
        ...shared,
        operationId: `read${name}`,
        summary: isMe ? 'Read your own record' : 'Read a user',
        description: isMe
          ? 'The eight fields of a user, and what only the user is told.'
          : 'For that user and for admins. Anyone else is refused alike, whether or not the user exists.',
        response: { 200: answer, ...refusals('permission_denied', 'not_found') },
      },
    },
    async (request) => toAnswer(await userOf(deps, request, isMe)),
  )
}

const CHANGE_DESCRIPTION =
  'Absent members stay as they are. A new address in place of a verified one waits until a code sent to it is proven; the ' +
  'verified e-mail is told, with a link that undoes it. Another e-mail, another phone in place of one that is set, and ' +
  'whether the phone may begin a sign-in need a sign-in younger than ten minutes.'

const CHANGE_REFUSALS = refusals(
  'invalid',
  'permission_denied',
  'reauthentication_required',
  'not_found',
  'last_factor',
  'last_sign_in_method',
  'channel_unavailable',
)

function changeRoutes(app: App, deps: AccountDeps, path: RecordPath): void {
  const { isMe, name, answer, toAnswer, shared, config } = recordOf(path)
  const bodies = (isMe ? ownProfileBodies : profileBodies)(deps.region, () => deps.clock.now())
  for (const method of ['PUT', 'PATCH'] as const) {
    app.route({
      method,
      url: path,
      config: { ...config, idempotent: true },
      attachValidation: true,
      schema: {
        ...shared,
        operationId: `${method === 'PUT' ? 'replace' : 'change'}${name}`,
        summary: isMe ? 'Change your own record' : 'Change a user',
        description: CHANGE_DESCRIPTION,
        body: bodies[method],
        response: { 200: answer, ...CHANGE_REFUSALS },
      },
      handler: async (request) => {
        const remember = request.remember((user: User) => ({ status: 200, body: toAnswer(user) }))
        return toAnswer(await change(deps, request, isMe, remember))
      },
    })
  }
}

function deleteRoute(app: App, deps: AccountDeps, path: RecordPath): void {
  const { isMe, name, shared, config } = recordOf(path)
  app.delete(
    path,
    {
      // Whoever deleted his own account is nobody who could ask again.
      config: { access: { ...config.access, fresh: true }, ...(isMe ? {} : { idempotent: true }) },
      schema: {
        ...shared,
        operationId: `delete${name}`,
        summary: isMe ? 'Delete your own account' : 'Delete a user',
        description: 'Sessions, codes and factors go with it. The last admin cannot be deleted.',
        response: { 204: z.null(), ...refusals('permission_denied', 'not_found', 'last_admin') },
      },
    },
    async (request, reply) => {
      const id = idOf(request, isMe)
      const { messages } = deps.codes
      const from = { act: request.act(), remember: request.remember(() => ({ status: 204, body: null })) }
      const departure = await deleteAccount({ ...deps, messages }, id, from, deps.clock.now())
      messages.wake()
      if (departure === 'last_admin') throw new Refusal('last_admin', 'the last active admin')
      if (departure === 'gone') throw noSuchUser()
      return reply.code(204).send(null)
    },
  )
}

/** The number in the path. The guard has let through the user in question or an admin. */
function idOf(request: FastifyRequest, isMe: boolean): number {
  return isMe ? request.caller!.userId : userIdIn(request.params)
}

async function userOf({ db }: AccountDeps, request: FastifyRequest, isMe: boolean): Promise<User> {
  const user = await findById(db, idOf(request, isMe))
  if (!user) throw noSuchUser()
  return user
}

async function change(
  deps: AccountDeps,
  request: FastifyRequest,
  isMe: boolean,
  remember: Remember<User>,
): Promise<User> {
  const userId = idOf(request, isMe)
  const by = userId === request.caller!.userId ? 'user' : 'admin'
  await countQuestion(deps, request, userId)
  await refuseFaultyChange(deps, request, userId, by)
  const wanted = request.body as ProfileChanges
  const now = deps.clock.now()
  await mindWhatItTakes(deps, request, await userOf(deps, request, isMe), { by, wanted, now })
  const changed = await settleConflict(() =>
    deps.db.transaction().execute(async (db) => {
      const changed = await changeProfile(db, deps, { userId, by, wanted }, request.act(), now)
      if (changed.kind === 'changed') await remember(db, changed.user)
      return changed
    }),
  )
  if (changed.kind !== 'changed') throw refuseChange(changed)
  await sendToPending(deps, request, changed.user, changed.pending)
  deps.codes.messages.wake()
  return changed.user
}

/**
 * The answer may tell whether another's address is taken, as that of a registration does, even where the body is at fault; so
 * it is counted as those are, or signing up once would be the way around their limit. Admins may list everybody.
 */
async function countQuestion({ db, throttle }: AccountDeps, request: FastifyRequest, userId: number): Promise<void> {
  const email = emailIn(request.body)
  if (email === undefined || request.caller!.isAdmin) return
  const user = await findById(db, userId)
  if (user?.emailKey !== emailKey(email)) await throttle.named('register', `user:${userId}`)
}

/** Whether the address in it is taken, too, is told only where that is told at all. */
async function refuseFaultyChange(
  deps: AccountDeps,
  request: FastifyRequest,
  userId: number,
  by: ChangedBy,
): Promise<void> {
  if (!deps.isNeutral || by === 'admin') return refuseFaultyBody(deps, request, userId)
  if (request.validationError) throw request.validationError
}

interface Asked {
  readonly by: ChangedBy
  readonly wanted: ProfileChanges
  readonly now: Date
}

/** Asked before anything is changed: a fresh sign-in, and a code to send counts as one that was asked for. */
async function mindWhatItTakes(
  { mailboxes, isNeutral, isAvailable, throttle }: AccountDeps,
  request: FastifyRequest,
  user: User,
  { by, wanted, now }: Asked,
): Promise<void> {
  const steps = stepsOf({ mailboxes, isNeutral }, user, wanted, by)
  if (wanted.phone_sign_in !== undefined || isSensitive(user, steps)) requireFresh(request, now)
  for (const { kind, channel } of steps) {
    if (kind !== 'wait') continue
    if (!isAvailable(channel)) throw new Refusal('channel_unavailable', `no gateway for ${channel}`)
    await throttle.named('otpSend', `user:${request.caller!.userId}`)
  }
}

/** Where a limit holds the code back, the change waits all the same; `otp/send` sends it later. */
async function sendToPending(
  deps: AccountDeps,
  request: FastifyRequest,
  user: User,
  pending: readonly Channel[],
): Promise<void> {
  const session = pending.length > 0 ? await findSession(deps.db, request.caller!.sessionId) : undefined
  if (!session) return
  const asker = { user, session, language: request.language(), network: networkOf(request.clientAddress()) }
  for (const channel of pending) await sendCode(deps, asker, channel, deps.clock.now())
}
