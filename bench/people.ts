import { post } from './load.ts'

export const PASSWORD = 'Correct-Horse-7-Battery'

export interface Tokens {
  access: string
  refresh: string
}

export const addressOf = (index: number): string => `bench${index}@example.com`

/** Registers so many people, all with the one password. */
export async function registerPeople(port: number, count: number): Promise<void> {
  const emails = Array.from({ length: count }, (_, index) => addressOf(index))
  await Promise.all(emails.map((email) => sendJson(port, '/api/users/', { email, password: PASSWORD })))
}

/** A session for each of them. */
export const signInAll = (port: number, count: number): Promise<Tokens[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => signIn(port, addressOf(index))))

export const signIn = async (port: number, email: string): Promise<Tokens> =>
  (await (await sendJson(port, '/api/token/', { email, password: PASSWORD })).json()) as Tokens

export const signInRequest = (index: number): Buffer =>
  post('/api/token/', { email: addressOf(index), password: PASSWORD })

/** Throws what is not answered with a 2xx. */
export async function sendJson(port: number, path: string, body: unknown): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: `http://127.0.0.1:${port}` },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return response
}
