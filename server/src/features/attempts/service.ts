export { type Forgotten, forgetHashed, NEW_DEVICE, recognise, remember, reopen } from './devices.ts'
export { countFailure, failuresOf, forgetFailures } from './methods.ts'
export { admit, forget, removeOld, type Subject, subjectOf, takeBack } from './sign-ins.ts'
export { removeDevicesOf, touchDevice } from './store.ts'
