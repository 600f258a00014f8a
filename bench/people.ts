import type { Child } from './child.ts'
import { post } from './load.ts'

const PASSWORD = 'Correct-Horse-7-Battery'

export interface Tokens {
  access: string
  refresh: string
}

/** Registers so many people and tells their e-mail addresses. All have the one password. */
export async function registerPeople(server: Child, count: number): Promise<string[]> {
  const emails = Array.from({ length: count }, (_, index) => `bench${index}@example.com`)
  await Promise.all(emails.map((email) => send(server, '/api/users/', { email, password: PASSWORD })))
  return emails
}

/** A session for each of them. */
export const signInAll = (server: Child, emails: readonly string[]): Promise<Tokens[]> =>
  Promise.all(emails.map(async (email) => (await send(server, '/api/token/', { email, password: PASSWORD })) as Tokens))

export const signInRequest = (email: string): Buffer => post('/api/token/', { email, password: PASSWORD })

async function send(server: Child, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return await response.json()
}
