import { type Key, keyedHash } from '../../kernel/secret.ts'
import type { Rate } from './port.ts'

/**
 * What a window is called where others may read it: a keyed hash, which tells neither scope nor key. Its length is part of
 * its name: another one counts anew. A quota is not, so that a new one holds at once.
 */
export const subjectOf = (hashKey: Key, scope: string, key: string, { period }: Rate): string =>
  Buffer.from(keyedHash(hashKey, scope, String(period), key)).toString('base64url')
