/**
 * A process of its own for tests of what several do at once: `first-start.ts PATH` opens the signing keys of that file, or
 * makes them, and prints the kid; `first-start.ts PATH hold` takes the file's lock, says so, and never lets go.
 */
import { createSecret } from '../src/kernel/secret.ts'
import { minutes } from '../src/kernel/duration.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { fileKeyStorage } from '../src/features/tokens/key-store.ts'
import { type KeyVault, loadOrCreateKeys } from '../src/features/tokens/keyring.ts'

const [path = '', mode] = process.argv.slice(2)
const storage = fileKeyStorage(path)

if (mode === 'hold') {
  await storage.update(() => {
    process.stdout.write('held\n')
    setInterval(() => undefined, 60_000)
    return new Promise(() => undefined)
  })
}

const vault: KeyVault = {
  storage,
  secret: createSecret(Buffer.from('the same in each process of the test')),
  random: systemRandom,
  algorithm: 'ES256',
  accessLifetime: minutes(15),
}
const [key] = await loadOrCreateKeys(vault, { mayCreate: true }, systemClock.now())
process.stdout.write(`${key.kid}\n`)
