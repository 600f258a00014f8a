export { type Forgotten, forgetHashed, NEW_DEVICE, recognise, remember, reopen } from './devices.ts'
export { countFailure, failuresOf, forgetFailures } from './methods.ts'
export {
  admit,
  countedOnceCompared,
  type CountingDeps,
  forget,
  removeOld,
  type Subject,
  subjectOf,
} from './sign-ins.ts'
export { removeDevicesOf, touchDevice } from './store.ts'
