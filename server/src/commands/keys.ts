import { describeKeys, type KeyState, rotateKeys } from '../features/tokens/service.ts'
import { type Command, withInstallation } from './command.ts'

export const listKeys: Command = {
  name: 'keys list',
  summary: 'Shows the keys that sign access tokens, and what each is doing.',
  details: 'These are the keys other services find at /.well-known/jwks.json.',
  options: {},
  run: ({ tools }) =>
    withInstallation(tools, async ({ keys }) => {
      const states = describeKeys(keys, tools.clock.now())
      return { kind: 'done', text: states.map(sentence).join('\n'), data: { keys: states.map(fieldsOf) } }
    }),
}

export const rotate: Command = {
  name: 'keys rotate',
  summary: 'Puts a new signing key in place of the present one.',
  details: `\
The new key is announced for ten minutes before it signs, so that no token fails anywhere. Running
servers notice by themselves within a second.`,
  options: {
    compromised: {
      type: 'boolean',
      help: 'Drop every present key at once, readable or not: somebody else may have them, or they are lost.',
    },
  },
  run({ values, tools }) {
    const compromised = values['compromised'] === true
    const now = tools.clock.now()
    return withInstallation(
      tools,
      async ({ keys }) => {
        const states = describeKeys(keys, now)
        const text = [...states.map(sentence), ...(compromised ? ['', WHAT_COMPROMISED_MEANS] : [])].join('\n')
        return { kind: 'done', text, data: { compromised, keys: states.map(fieldsOf) } }
      },
      { replaceKeys: (vault) => rotateKeys(vault, { compromised }, now) },
    )
  },
}

const WHAT_COMPROMISED_MEANS = `\
Every access token given out before has ended here; clients fetch new ones with their refresh tokens, and nobody has to
sign in again. Other services keep the key set for up to 300 seconds: until each has fetched it again it refuses the new
tokens and still accepts the old key's, and so whatever was forged with it. Restart a service to have it fetch at once.`

const fieldsOf = ({ kid, algorithm, state, createdAt, signsFrom, retiresAt, dropsAt }: KeyState): object => ({
  kid,
  algorithm,
  state,
  created_at: createdAt,
  signs_from: signsFrom,
  retires_at: retiresAt,
  drops_at: dropsAt,
})

function sentence({ kid, algorithm, state, createdAt, signsFrom, retiresAt, dropsAt }: KeyState): string {
  const name = `${kid}  ${algorithm}  made ${moment(createdAt)}  `
  const end = retiresAt && dropsAt ? ` until ${moment(retiresAt)}, is dropped ${moment(dropsAt)}` : ''
  switch (state) {
    case 'announced':
      return `${name}announced: signs from ${moment(signsFrom)}${end}`
    case 'signing':
      return `${name}signs${end}`
    case 'retired':
      return `${name}signed${end}`
  }
}

const moment = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z')
