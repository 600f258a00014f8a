export { type CountedFailure, removeOldAddresses, uncountAddress } from './addresses.ts'
export {
  type Forgotten,
  forgetHashed,
  knownBy,
  NEW_DEVICE,
  recognise,
  rememberDevice,
  removeKnownOf,
  reopen,
} from './devices.ts'
export { countFailure, failuresOf, forgetFailures } from './methods.ts'
export { rememberNetwork, removeOldNetworks } from './networks.ts'
export {
  admit,
  type Admission,
  admitStranger,
  countedOnceCompared,
  type CountingDeps,
  forget,
  type KnownBy,
  removeOld,
  type Subject,
  subjectOf,
} from './sign-ins.ts'
export { touchDevice } from './store.ts'
