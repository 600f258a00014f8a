export { refuseSending, withStatus } from './refusals.ts'
export {
  type AddressCodeDeps,
  type CodeAsked,
  proveCode,
  type Proving,
  sendCode,
  type Sending,
  sendTo,
} from './codes.ts'
export { type Applied, applyToUser } from './proof.ts'
export { knownDeviceIn, type PasswordMailDeps, sendInvitation, sendReset } from './password-mail.ts'
export {
  removeAllTokens as removeAllPasswordTokens,
  removeOldTokens as removeOldPasswordTokens,
} from './password-tokens.ts'
export {
  removeAll as removeAllRegistrations,
  removeExpired as removeExpiredRegistrations,
} from './pending-registrations.ts'
export { logOutcome, type OutcomeLog } from './outcome-log.ts'
export { voidPassword } from './password-void.ts'
export { removeOver as removeOverChanges } from './changes-store.ts'
export { expireUnverified } from './deletion.ts'
export {
  type AdministrationDeps,
  changeStanding,
  endSessionsOf,
  type LostFactor,
  removeLostFactor,
  resetForUser,
  unlockUser,
} from './administration.ts'
