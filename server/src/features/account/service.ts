export { refuseSending, withStatus } from './refusals.ts'
export { type AddressCodeDeps, proveCode, type Proving, sendCode, type Sending, sendTo } from './codes.ts'
export { type Applied, applyToUser } from './proof.ts'
