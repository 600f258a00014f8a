import type { App } from '../../src/http/server.ts'

/** What a client sees of the server, over the wire. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // A test says what it expects of a body and fails where the body differs.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface Call {
  readonly body?: unknown
  /** Access token. */
  readonly token?: string | undefined
}

/** Rejects with the network's error when no whole answer came. */
export type Api = (method: string, path: string, call?: Call) => Promise<Answer>

export const PASSWORD = 'Correct-Horse-7'

/** With a limit, an answer that takes longer rejects with a `TimeoutError`. */
export const apiOf =
  (url: string, limitMilliseconds?: number): Api =>
  async (method, path, { body, token } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(limitMilliseconds === undefined ? {} : { signal: AbortSignal.timeout(limitMilliseconds) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== ''
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

/** The same without a network. */
export const askedOf =
  (app: App): Api =>
  async (method, path, { body, token } = {}) => {
    const { statusCode, headers, payload } = await app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        host: 'localhost:8000',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    })
    const isJson = String(headers['content-type']).includes('json') && payload !== ''
    return {
      status: statusCode,
      headers: new Headers({ 'content-type': String(headers['content-type']) }),
      body: isJson ? JSON.parse(payload) : payload,
    }
  }
