import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal } from '../../kernel/refusal.ts'
import { assertion, passkeyOptions, requestOptions } from '../passkeys/service.ts'
import { ANYBODY, type PasskeySignInDeps, signInByPasskey, stepOptions, takePasskeyStep } from './passkeys.ts'
import { noFactorHere, openedBy, over } from './step-answers.ts'
import { deviceValue, signedIn, stepPassed, toSignedIn, toStepPassed } from './wire.ts'

export interface PasskeySignInRouteDeps extends PasskeySignInDeps {
  readonly clock: Clock
}

export function passkeySignInRoutes(app: App, deps: PasskeySignInRouteDeps): void {
  signInOptionsRoute(app, deps)
  signInRoute(app, deps)
  stepOptionsRoute(app, deps)
  stepRoute(app, deps)
}

const FOR_BROWSERS = 'for `PublicKeyCredential.parseRequestOptionsFromJSON()`'

function signInOptionsRoute(app: App, deps: PasskeySignInRouteDeps): void {
  app.post(
    '/api/token/passkey/options/',
    {
      config: { access: { who: 'public', scope: 'login' } },
      schema: {
        operationId: 'readPasskeySignInOptions',
        tags: ['Tokens'],
        summary: 'Sign in by passkey: what the browser is given',
        description: `Options ${FOR_BROWSERS}. Names no user: the passkey says whose it is.`,
        response: { 200: requestOptions },
      },
    },
    () => passkeyOptions(deps.db, deps.passkeys, ANYBODY, deps.clock.now()),
  )
}

function signInRoute(app: App, deps: PasskeySignInRouteDeps): void {
  app.post(
    '/api/token/passkey/',
    {
      config: { access: { who: 'public', scope: 'login' } },
      schema: {
        operationId: 'signInByPasskey',
        tags: ['Tokens'],
        summary: 'Sign in by passkey',
        description:
          'Takes what `navigator.credentials.get()` gave, by its `toJSON()`; gives a refresh token and an access token. ' +
          'The authenticator must have verified its user, so that it is two factors in one.',
        body: assertion.extend({ device: deviceValue() }).meta({ id: 'PasskeySignIn' }),
        response: { 200: signedIn, ...refusals('invalid', 'passkey_invalid', 'no_active_account') },
      },
    },
    async (request) => {
      const { device, ...response } = request.body
      const outcome = await signInByPasskey(deps, { response, device }, request.act(), deps.clock.now())
      deps.sessions.messages.wake()
      if (outcome.kind === 'refused') throw new Refusal('passkey_invalid', outcome.reason)
      if (outcome.kind === 'closed') throw new Refusal('no_active_account', 'deactivated or deleted')
      return toSignedIn(outcome)
    },
  )
}

function stepOptionsRoute(app: App, deps: PasskeySignInRouteDeps): void {
  app.post(
    '/api/passkeys/verify/options/',
    {
      config: { access: { who: 'second_step' } },
      schema: {
        operationId: 'readPasskeyStepOptions',
        tags: ['Tokens'],
        summary: 'Second step: what the browser is given for a passkey',
        description: `Options ${FOR_BROWSERS}, naming your passkeys; with the second-factor token as bearer.`,
        response: { 200: requestOptions, ...refusals('permission_denied') },
      },
    },
    async (request) => {
      const step = await stepOptions(deps, request.candidate!, deps.clock.now())
      if (step.kind === 'over') throw over(request)
      if (step.kind === 'unusable') throw noFactorHere()
      return step.options
    },
  )
}

function stepRoute(app: App, deps: PasskeySignInRouteDeps): void {
  app.post(
    '/api/passkeys/verify/',
    {
      config: { access: { who: 'second_step', scope: 'otpVerify' } },
      schema: {
        operationId: 'passSecondStepByPasskey',
        tags: ['Tokens'],
        summary: 'Second step: passkey',
        description:
          'Takes what `navigator.credentials.get()` gave, by its `toJSON()`, with the second-factor token as bearer; ' +
          'opens the session.',
        body: assertion.meta({ id: 'PasskeyToVerify' }),
        response: {
          200: stepPassed,
          ...refusals('invalid', 'passkey_invalid', 'factor_locked', 'permission_denied'),
        },
      },
    },
    async (request) => {
      const step = await takePasskeyStep(deps, request.candidate!, request.body, request.act(), deps.clock.now())
      deps.sessions.messages.wake()
      if (step.kind !== 'refused') return toStepPassed(openedBy(step, passkeyInvalid, request))
      throw step.because === 'locked' ? locked() : passkeyInvalid(step.reason)
    },
  )
}

const passkeyInvalid = (reason = 'refused'): Refusal => new Refusal('passkey_invalid', reason)
const locked = (): Refusal => new Refusal('factor_locked', 'too many refused passkeys in a row')
