import type { World } from './world.ts'

export interface Posted {
  readonly status: number
  // A test says what it expects of a body and fails where the body differs.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Sends a body as the very bytes given. */
export async function postBytes(
  { latchkey }: World,
  path: string,
  payload: string | Buffer,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Promise<Posted> {
  const response = await latchkey.app.inject({
    method: 'POST',
    url: path,
    headers: { host: 'localhost:8000', ...headers },
    payload: Buffer.from(payload),
  })
  return { status: response.statusCode, body: response.json() }
}
