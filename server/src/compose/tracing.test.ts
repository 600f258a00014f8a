import { describe, expect, it } from 'vitest'
import { collectSpans, type Ended } from '../../test/spans.ts'
import { IS_ON_POSTGRES } from '../../test/world-database.ts'
import { createWorld, PASSWORD, type WorldOptions } from '../../test/world.ts'
import { openTracing } from './tracing.ts'

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`

async function tracedWorld(settings: Record<string, string> = {}, more: WorldOptions['compose'] = {}) {
  const collector = await collectSpans()
  return { ...collector, world: await createWorld({ settings, compose: { tracing: collector.tracing, ...more } }) }
}

const childrenOf = (ended: readonly Ended[], { context }: Ended) =>
  ended.filter(({ parent }) => parent?.spanId === context.spanId)

it('is not there while no SDK is registered', async () => {
  expect(await openTracing()).toBeUndefined()
})

describe('a request has a span', () => {
  it('named by method and route, that tells its status and its request_id', async () => {
    const { world, named } = await tracedWorld()
    const user = await world.signedInUser()
    const { headers } = await world.call('GET', `/api/users/${user.id}/`, { token: user.access })
    const [span, ...others] = named('GET /api/users/:id/')
    expect(others).toEqual([])
    expect(span).toMatchObject({ kind: 1, isError: false, parent: undefined, links: [] })
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/users/:id/',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'latchkey.request_id': headers['x-request-id'],
    })
  })

  it('with the hashing and the statements it waited for inside', async () => {
    const { world, ended, named } = await tracedWorld()
    await world.signedInUser()
    const [request] = named('POST /api/token/')
    const children = childrenOf(ended, request!)
    expect(children.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['verify password', 'INSERT sessions', 'COMMIT']),
    )
    const insert = children.find(({ name }) => name === 'INSERT sessions')
    expect(insert?.attributes).toMatchObject({
      'db.system.name': IS_ON_POSTGRES ? 'postgresql' : 'sqlite',
      'db.collection.name': 'sessions',
    })
    expect(insert?.attributes['db.query.text']).toMatch(/\?|\$1/)
  })

  it('that is an error when the fault is ours, and only then', async () => {
    const beforeStatement = (sql: string) => {
      if (sql.startsWith('insert into "sessions"')) throw new Error('a fault of ours')
    }
    const { world, named } = await tracedWorld({}, { beforeStatement })
    await world.call('GET', '/api/users/me/')
    await world.call('POST', '/api/users/', { body: { email: 'a@example.com', password: PASSWORD } })
    await world.call('POST', '/api/token/', { body: { email: 'a@example.com', password: PASSWORD } })
    expect(named('GET /api/users/me/')).toMatchObject([{ isError: false }])
    const [failed] = named('POST /api/token/')
    expect(failed).toMatchObject({ isError: true })
    expect(failed?.attributes).toMatchObject({ 'http.response.status_code': 500, 'error.type': '500' })
  })
})

describe('what a client says of a trace', () => {
  it('is linked to and not believed, so that nobody outside decides what is recorded', async () => {
    const { world, named } = await tracedWorld()
    await world.call('GET', '/healthz', { headers: { traceparent } })
    const [span] = named('GET /healthz')
    expect(span?.parent).toBeUndefined()
    expect(span?.context.traceId).not.toBe(CALLER.traceId)
    expect(span?.links).toMatchObject([CALLER])
  })

  it('is believed of a trusted proxy', async () => {
    const { world, named } = await tracedWorld({ TRUSTED_PROXIES: '127.0.0.1' })
    await world.call('GET', '/healthz', { headers: { traceparent, 'x-forwarded-for': '192.0.2.1' }, from: '127.0.0.1' })
    expect(named('GET /healthz')).toMatchObject([{ parent: CALLER, context: { traceId: CALLER.traceId } }])
  })
})

it('a message has a trace of its own, whichever request woke the worker', async () => {
  const { world, ended, named } = await tracedWorld()
  const user = await world.signedInUser()
  await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
  await world.latchkey.worker.deliverDue()
  const sent = named('send email')
  expect(sent.length).toBeGreaterThan(0)
  expect(sent[0]).toMatchObject({ kind: 2, parent: undefined })
  expect(childrenOf(ended, sent[0]!).map(({ name }) => name)).toContain('UPDATE deliveries')
})

it('what nobody asked for has no span: a worker that looks each second fills no collector', async () => {
  const { world, ended } = await tracedWorld()
  await world.latchkey.worker.deliverDue()
  expect(ended).toEqual([])
})

it('each line of the log names the span it was written in, beside the request', async () => {
  const { world, named } = await tracedWorld()
  await world.call('POST', '/api/token/', { body: '{' })
  await world.call('GET', '/api/users/me/')
  const lines = world
    .logged()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const answered = lines.filter(({ request_id }) => request_id !== undefined)
  const spans = [...named('POST /api/token/'), ...named('GET /api/users/me/')]
  const ids = new Map(spans.map(({ attributes, context }) => [attributes['latchkey.request_id'], context]))
  expect(ids.size).toBe(2)
  expect(answered).toHaveLength(4) // refused and answered, each
  for (const line of answered) {
    const { traceId, spanId } = ids.get(String(line['request_id']))!
    expect(line).toMatchObject({ trace_id: traceId, span_id: spanId })
  }
})
