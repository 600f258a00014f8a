import { GROUPS, SETTING_NAMES, settingNamed } from './settings.ts'
import type { SettingName } from './settings.ts'

const isSettingName = (name: string): name is SettingName => (SETTING_NAMES as string[]).includes(name)

const namesOf = (group: (typeof GROUPS)[number]): SettingName[] => Object.keys(group.settings).filter(isSettingName)

/** `.env.example`: every setting in its group, commented out, with its default. */
export function renderDotenvExample(): string {
  const groups = GROUPS.map((group) =>
    [`# ---- ${group.title} ----`, '', ...namesOf(group).map(dotenvEntry)].join('\n'),
  )
  return `${[DOTENV_HEAD, ...groups].join('\n')}`
}

const DOTENV_HEAD = `# Every setting of Latchkey with its default. Copy this file to .env and uncomment what you change; the environment wins
# over .env. A secret may also be read from a file: NAME_FILE=/path. Explained in docs/settings.md.
# Generated from server/src/config/settings by \`npm run generate\`.
`

function dotenvEntry(name: SettingName): string {
  const setting = settingNamed(name)
  const example = setting.default === undefined ? ` Example: ${setting.example}` : ''
  return `# ${setting.help}${example}\n# ${name}=${setting.default ?? ''}\n`
}

/** `docs/settings.md`: the same for reading, with what each accepts. */
export function renderSettingsPage(): string {
  const groups = GROUPS.map((group) =>
    [`## ${group.title}`, '', TABLE_HEAD, ...namesOf(group).map(tableRow), ''].join('\n'),
  )
  return [PAGE_HEAD, ...groups].join('\n')
}

const PAGE_HEAD = `# Settings

<!-- Generated from server/src/config/settings by \`npm run generate\`. -->

None is needed to start. They are read once, at start, from the environment and from a file named \`.env\` in the folder the
server is started in (\`npm start\`: the root of the repository); the environment wins. A relative path starts from that
folder too. Whatever is wrong, contradictory or misspelt is named at once, and the start ends with exit code 1.

- Empty means not set.
- A secret may lie in a file: \`NAME_FILE=/run/secrets/name\` instead of \`NAME=…\`. A newline at its end is no part of it.
- In \`.env\` a value with spaces around it, or with a space before \`#\`, wants quotes: \`NAME='a #b'\`. An unknown name there is
  an error; in the environment only one that nearly misses one of these.
- Lists are separated by commas or spaces. Lengths of time are \`15m\`, \`7d\`, \`1h\`, \`90s\` or whole seconds. Rates are
  \`100/day\`, \`20/hour\`, \`5/min\`, \`2/s\` or \`off\`.
- \`npm run --silent latchkey -- doctor\` shows each setting and where it came from.

With \`NODE_ENV=production\` the server refuses to start without \`PUBLIC_URL\` (https, unless \`ALLOW_INSECURE_PUBLIC_URL\`) or
without a mail gateway, with a \`SECRET_KEY\` under 32 bytes, with \`*\` among \`CORS_ORIGINS\`, and where a mail password, a code
or a phone number would leave unencrypted.
`

const TABLE_HEAD = '| setting | default | what it does | must be |\n| --- | --- | --- | --- |'

function tableRow(name: SettingName): string {
  const setting = settingNamed(name)
  const fallback = setting.default === undefined ? '' : `\`${setting.default}\``
  const help = setting.secret ? `${setting.help} Secret.` : setting.help
  const cells = [`\`${name}\``, fallback, help, `${setting.kind.rule}; ${exampleCell(name)}`]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('*', '\\*')).join(' | ')} |`
}

function exampleCell(name: SettingName): string {
  const { example, secret } = settingNamed(name)
  return secret ? example : `\`${example}\``
}
