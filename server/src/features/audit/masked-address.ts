/** `s***@example.com`, `+98*****6789`: enough for its owner to recognise it, too little for anyone to learn it. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@')
  if (at > 0) return `${Array.from(address)[0]}***${address.slice(at)}`
  return `${address.slice(0, 3)}${'*'.repeat(Math.max(3, address.length - 7))}${address.slice(-4)}`
}
