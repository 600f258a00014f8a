export { refuseSending, withStatus } from './refusals.ts'
export { type AddressCodeDeps, type Asker, proveCode, type Proving, sendCode, type Sending } from './codes.ts'
