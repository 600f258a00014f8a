import { parseEnv } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDotenv } from './dotenv.ts'

const valuesOf = (text: string) => Object.fromEntries(readDotenv(text).values)
const problemsOf = (text: string) => readDotenv(text).problems.map(({ setting, message }) => `${setting} ${message}`)

describe('a .env file', () => {
  it.each([
    ["A='a b'", 'a b'],
    ['A="a b" # comment', 'a b'],
    ['A="a\\nb"', 'a\nb'],
    ["A='a\\nb'", 'a\\nb'],
    ['A="first\nsecond"', 'first\nsecond'],
    ['A=`it\'s "so"`', 'it\'s "so"'],
    ['export A=1', '1'],
    ['  A = 1  ', '1'],
    ['A=a=b==', 'a=b=='],
    ['A=1 # comment', '1'],
    ['A=# comment', ''],
    ['A=', ''],
    ['\uFEFFA=1\r', '1'],
    ["A=it's", "it's"],
    ['A=$HOME', '$HOME'],
  ])('%j is read', (text, expected) => {
    expect(readDotenv(text)).toEqual({ values: new Map([['A', expected]]), problems: [] })
  })

  it('keeps what follows a hash within a value, as in secret keys that Django made', () => {
    expect(valuesOf('A=x#y$z\nB=x #y')).toEqual({ A: 'x#y$z', B: 'x' })
  })

  it('does not take the next line for an empty value', () => {
    expect(valuesOf('A=  \nB=2')).toEqual({ A: '', B: '2' })
  })

  it('passes over blank lines and comments', () => {
    expect(readDotenv('\n  \n# A=1\n  # B=2\n')).toEqual({ values: new Map(), problems: [] })
  })

  it('says what util.parseEnv says wherever that loses nothing', () => {
    const word = fc.stringMatching(/^[\w.@/:+-][\w .@/:+-]*[\w.@/:+-]$/)
    const assignment = fc.tuple(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}$/), word, fc.constantFrom('', "'", '"', '`'))
    fc.assert(
      fc.property(fc.uniqueArray(assignment, { selector: ([name]) => name }), (assignments) => {
        const text = assignments.map(([name, value, quote]) => `${name}=${quote}${value}${quote}`).join('\n')
        expect(valuesOf(text)).toEqual({ ...parseEnv(text) })
      }),
    )
  })
})

describe('a line of .env that cannot be read', () => {
  it.each([
    ['junk', 'Line 1 of .env is neither NAME=value nor a comment'],
    ['A=1\n\nPORT: 8000', 'Line 3 of .env is neither NAME=value nor a comment'],
    ['=5', 'Line 1 of .env is neither NAME=value nor a comment'],
    ['abcdEF==', 'Line 1 of .env sets a name that is not in capitals'],
    ["A='never closed\nB=1", "Line 1 of .env opens a quote (') that is closed nowhere"],
    ["A='it's'", "Line 1 of .env has text after its closing quote (')"],
    ['A=1\nB=2\nA=3', 'A is set twice in .env, in lines 1 and 3'],
  ])('%j is named by its number', (text, expected) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining(expected)])
  })

  it('does not swallow the lines after it', () => {
    expect(valuesOf("A='never closed\nB=1")).toEqual({ B: '1' })
  })

  it('is named whatever it holds, and never quoted back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{12,40}$/), (secret) => {
        const problems = problemsOf(`A="x" ${secret}\n${secret}\n${secret}=\n'${secret}`)
        expect(problems).toHaveLength(4)
        expect(problems.join('\n')).not.toContain(secret)
      }),
    )
  })
})
