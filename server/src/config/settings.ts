import type { Kind } from './kinds.ts'
import type { Setting, SettingTable } from './setting.ts'
import { ACCOUNTS, CODES, FACTORS, THROTTLES, TOKENS } from './settings/accounts.ts'
import { MAIL, SMS } from './settings/delivery.ts'
import { SCALE, SERVER } from './settings/server.ts'
import { SMS_FIREWALL } from './settings/sms-firewall.ts'

/** Every setting there is, in the order they are shown. */
export const SETTINGS = {
  ...SERVER,
  ...MAIL,
  ...SMS,
  ...SMS_FIREWALL,
  ...ACCOUNTS,
  ...FACTORS,
  ...CODES,
  ...TOKENS,
  ...THROTTLES,
  ...SCALE,
} satisfies SettingTable

/** The same in groups, for people to read. */
export const GROUPS: readonly { readonly title: string; readonly settings: SettingTable }[] = [
  { title: 'Server', settings: SERVER },
  { title: 'Mail', settings: MAIL },
  { title: 'Text messages', settings: SMS },
  { title: 'SMS firewall', settings: SMS_FIREWALL },
  { title: 'Accounts', settings: ACCOUNTS },
  { title: 'Passwords, factors and passkeys', settings: FACTORS },
  { title: 'Codes', settings: CODES },
  { title: 'Tokens', settings: TOKENS },
  { title: 'Throttles', settings: THROTTLES },
  { title: 'Scale', settings: SCALE },
]

export type SettingName = keyof typeof SETTINGS

type ValueOf<S> = S extends { kind: Kind<infer T> } ? (S extends { default: string } ? T : T | undefined) : never

/** What the settings say, each by its own type. */
export type Values = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> }

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

export const settingNamed = (name: SettingName): Setting => SETTINGS[name]

/** How an error or the documentation shows a good value: an assignment, or for a secret how to come by one. */
export function exampleOf(name: SettingName): string {
  const { example, secret } = settingNamed(name)
  return secret ? example : `${name}=${example}`
}
