export { refuseSending, withStatus } from './refusals.ts'
export { type AddressCodeDeps, proveCode, type Proving, sendCode } from './codes.ts'
