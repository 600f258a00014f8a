import { expect, it } from 'vitest'
import { checkAnswer } from './openapi.ts'

const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'
const registered = { url: 'http://localhost/api/users/1/', email: 'a@b.co', id: 1, first_name: '', last_name: '' }
const problem = { type: 'http://localhost/errors/invalid/', title: 'T', detail: 'D', code: 'invalid', request_id: 'r' }

const answer = (status: number, body: unknown, contentType = JSON_TYPE) => ({
  status,
  contentType,
  text: typeof body === 'string' ? body : JSON.stringify(body),
})

it.each([
  ['POST', '/api/users/', answer(201, registered)],
  ['POST', '/api/users', answer(201, registered)],
  ['POST', '/api/users/', answer(400, { ...problem, email: ['Wrong.'] }, PROBLEM)],
  ['POST', '/api/otp/verify/', answer(400, { ...problem, code: ['A code is six digits.'] }, PROBLEM)],
  ['DELETE', '/api/users/1/', answer(204, '')],
  ['GET', '/no/such/path/', answer(200, 'whatever')],
  ['POST', '/readyz', answer(405, {}, PROBLEM)],
] as const)('%s %s: an answer as the document has it passes', (method, target, given) => {
  expect(() => checkAnswer(method, target, given)).not.toThrow()
})

it.each([
  ['an unknown status', 'POST', '/api/users/', answer(202, registered), 'no such status'],
  ['another media type', 'POST', '/api/users/', answer(201, registered, 'text/plain'), 'does not have text/plain'],
  ['a member missing', 'POST', '/api/users/', answer(201, { ...registered, id: undefined }), "property 'id'"],
  ['a member of another type', 'POST', '/api/users/', answer(201, { ...registered, id: '1' }), '/id must be integer'],
  ['a body where none belongs', 'DELETE', '/api/users/1/', answer(204, '{}'), 'has no body'],
  ['a fault that is no list', 'POST', '/api/users/', answer(400, { ...problem, email: 'Wrong.' }, PROBLEM), '/email'],
  ['a list as code', 'POST', '/api/users/', answer(400, { ...problem, code: ['Wrong.'] }, PROBLEM), '/code'],
  ['a code of others', 'POST', '/api/users/', answer(400, { ...problem, code: 'otp_invalid' }, PROBLEM), '/code'],
  ['no request id', 'GET', '/api/users/me/', answer(404, { ...problem, request_id: undefined }, PROBLEM), 'request_id'],
] as const)('%s is told', (_, method, target, given, message) => {
  expect(() => checkAnswer(method, target, given)).toThrow(message)
})
