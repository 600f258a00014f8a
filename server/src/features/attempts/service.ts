export { type CountedFailure, removeOldAddresses, uncountAddress } from './addresses.ts'
export {
  type DeviceDeps,
  type Forgotten,
  forgetHashed,
  knownBy,
  NEW_DEVICE,
  recognise,
  remember,
  removeKnownOf,
  reopen,
} from './devices.ts'
export { countFailure, failuresOf, forgetFailures, type Tried } from './methods.ts'
export { rememberNetwork, removeOldNetworks } from './networks.ts'
export {
  admit,
  type Admission,
  admitStranger,
  forget,
  type KnownBy,
  removeOld,
  type Subject,
  subjectOf,
  takeBack,
} from './sign-ins.ts'
export { touchDevice } from './store.ts'
