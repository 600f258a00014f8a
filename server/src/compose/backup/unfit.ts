/** A backup that cannot be restored here; the message says why. Nothing was changed. */
export class BackupUnfit extends Error {
  override readonly name = 'BackupUnfit'

  constructor(why: string) {
    super(`The backup cannot be used: ${why}. Nothing was changed.`)
  }
}
