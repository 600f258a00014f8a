export { type DeviceDeps, type Forgotten, forgetHashed, NEW_DEVICE, recognise, remember, reopen } from './devices.ts'
export { countFailure, failuresOf, forgetFailures, type Tried } from './methods.ts'
export { admit, type Admission, forget, removeOld, type Subject, subjectOf, takeBack } from './sign-ins.ts'
export { removeDevicesOf, touchDevice } from './store.ts'
