import { request } from 'node:http'
import type { Answer, Api } from './api.ts'

/** An API asked over a new connection each time, hence now of one and now of another where several processes serve. */
export const freshApiOf =
  (url: string): Api =>
  (method, path, { body, token } = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const bytes = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      }
      const asked = request(`${url}${path}`, { method, headers, agent: false }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        answer.on('error', reject)
        answer.on('end', () => {
          const isJson = answer.headers['content-type']?.includes('json') === true && text !== ''
          const known = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)])
          resolve({
            status: answer.statusCode ?? 0,
            headers: new Headers(known),
            body: isJson ? JSON.parse(text) : text,
          })
        })
      })
      asked.on('error', reject)
      asked.end(bytes)
    })
