const ZERO_OF: readonly number[] = [0x0660, 0x06f0] // ARABIC-INDIC, EXTENDED ARABIC-INDIC (Persian)

/** Persian and Arabic digits become ASCII ones; everything else stays. */
export function toAsciiDigits(text: string): string {
  return text.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => {
    const point = digit.codePointAt(0)!
    const zero = ZERO_OF.findLast((start) => point >= start)!
    return String(point - zero)
  })
}
