import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Audit } from '../audit/service.ts'
import type { NotifyDeps } from '../messages/service.ts'
import type { RelyingParty } from './relying-party.ts'

export interface PasskeyDeps extends NotifyDeps {
  readonly secret: Secret
  readonly random: Random
  readonly audit: Audit
  /** Asked at each use, since port 0 is known only once the server listens. */
  readonly relyingParty: () => RelyingParty
  readonly rules: {
    /** Refused passkeys in a row that lock the method for a purpose; undefined: never. */
    readonly lockAfter: number | undefined
  }
}
