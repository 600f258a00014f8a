import { describe, expect, it } from 'vitest'
import { appDetails, matchingStep } from './algorithm.ts'

/** RFC 6238, appendix B: the SHA-1 rows. Six digits are the last six of eight, since both are remainders of one number. */
const VECTORS: readonly [seconds: number, code: string][] = [
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
]

const RFC_SECRET = new Uint8Array(Buffer.from('12345678901234567890'))

describe('a time-based code', () => {
  it.each(VECTORS)('at %i seconds is the one of RFC 6238', (seconds, code) => {
    const sixDigits = code.slice(-6)
    expect(matchingStep(RFC_SECRET, sixDigits, new Date(seconds * 1000))).toBe(Math.floor(seconds / 30))
  })

  it('is taken one step early or late, and no further', () => {
    const at = (seconds: number) => matchingStep(RFC_SECRET, '287082', new Date(seconds * 1000))
    expect([0, 29, 30, 59, 60, 89].map(at)).toEqual([1, 1, 1, 1, 1, 1])
    expect([90, 120, 3600].map(at)).toEqual([undefined, undefined, undefined])
  })

  it('is of this secret and of six digits', () => {
    const moment = new Date(59_000)
    expect(matchingStep(RFC_SECRET.toReversed(), '287082', moment)).toBeUndefined()
    expect(matchingStep(RFC_SECRET, '94287082', moment)).toBeUndefined()
    expect(matchingStep(RFC_SECRET, '', moment)).toBeUndefined()
  })
})

describe('what the app is told', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'

  it('is in the form every app reads', () => {
    expect(appDetails(RFC_SECRET, 'Latchkey', 'sara@example.com')).toEqual({
      secret,
      otpauthUrl:
        `otpauth://totp/Latchkey:sara%40example.com?issuer=Latchkey&secret=${secret}` +
        '&algorithm=SHA1&digits=6&period=30',
    })
  })

  it('keeps every name in its place', () => {
    const { otpauthUrl } = appDetails(RFC_SECRET, 'فروشگاه: A&B?secret=x/#', "o'neil+a&secret=b@example.com")
    const url = new URL(otpauthUrl)
    expect(url.searchParams.getAll('secret')).toEqual([secret])
    expect(url.searchParams.get('issuer')).toBe('فروشگاه  A&B?secret=x/#')
    expect(decodeURIComponent(url.pathname).split(':')).toEqual([
      expect.stringMatching(/فروشگاه {2}A&B\?secret=x\/#$/),
      "o'neil+a&secret=b@example.com",
    ])
    expect(url.hash).toBe('')
  })
})
