export { type FactorHolder, type FactorRules, type Method, secondFactorsOf, usableMethods } from './methods.ts'
