export { whyKeep, type WayInRules } from './last-way-in.ts'
export { type FactorHolder, type FactorRules, type Method, usableMethods } from './methods.ts'
