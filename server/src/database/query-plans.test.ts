import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createSoftPasskey } from '../../test/authenticator.ts'
import { change, move, undo, undoTokensTo, verifyPhone } from '../../test/changes.ts'
import { temporaryFolder } from '../../test/database.ts'
import {
  makeRecoveryCodes,
  readFactors,
  setTwoFactor,
  signInWithApp,
  verifiedUser,
  withApp,
} from '../../test/factors.ts'
import { changePassword, confirmReset, resetMail } from '../../test/passwords.ts'
import { register, signIn as signInByPasskey } from '../../test/passkeys.ts'
import { passByRecoveryCode, beginSignIn } from '../../test/second-step.ts'
import { signInCode, confirmCode } from '../../test/sign-in-codes.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, type World } from '../../test/world.ts'

/** A whole life, so that the product asks everything it ever asks of the database. */
async function live(world: World): Promise<void> {
  const guest = await world.signedInUser()
  await world.signIn({ ...guest, password: 'Wrong-Horse-7' })
  await confirmReset(world, { token: (await resetMail(world, guest)).token })
  const user = await verifiedUser(world)
  await verifyPhone(world, user)
  await change(world, user, { phone_sign_in: true })
  const first = await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })
  await world.call('POST', '/api/token/refresh/', { body: { refresh: first.body.refresh } })
  await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })
  const again = { ...user, ...(await world.signIn(user)).body }
  const { secret } = await withApp(world, again)
  const passkey = createSoftPasskey()
  await register(world, again, passkey)
  await signInByPasskey(world, passkey)
  const { challenge, code } = await signInCode(world, again)
  await confirmCode(world, challenge, code, { device: 'new' })
  await setTwoFactor(world, again, true)
  const [recoveryCode] = (await makeRecoveryCodes(world, again)).body.recovery_codes
  await passByRecoveryCode(world, await beginSignIn(world, again), recoveryCode)
  const strong = await signInWithApp(world, again, secret, 1)
  for (const path of ['users/me', 'sessions', 'activity', 'factors', 'passkeys'])
    await world.call('GET', `/api/${path}/`, { token: strong.access })
  await readFactors(world, strong)
  await move(world, strong, { email: 'elsewhere@example.com' })
  await changePassword(world, strong)
  const [link] = await undoTokensTo(world, user.email)
  await undo(world, link)
  await world.call('DELETE', '/api/sessions/', { token: guest.access })
  const leaving = await world.signedInUser()
  await world.call('POST', '/api/logout/', { token: guest.access, body: { refresh: guest.refresh } })
  await world.call('DELETE', '/api/users/me/', { token: leaving.access })
}

// Of one row, or of one for every four thousand users; and what waits to be worked off alone, by an index of nothing else.
const BOUNDED =
  /audit_checkpoints|sms_gate|user_counts|USING (?:COVERING )?INDEX (?:audit_events_unsealed|users_unverified|users_admins|address_changes_ended)/

it('no request, and nothing that clears away, reads a whole table that grows', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder()
  const asked = new Set<string>()
  const world = await createWorld({
    settings: { ...UNLIMITED, DATA_DIR: folder, AUDIT_RETENTION: '7d', UNVERIFIED_ACCOUNT_LIFETIME: '7d' },
    compose: { inMemory: false, beforeStatement: (sql) => void asked.add(sql) },
  })
  asked.clear() // what a start asks, once
  await live(world)
  world.latchkey.start()
  await vi.waitFor(() =>
    expect([...asked].filter((sql) => /^delete from "leases"|audit_checkpoints/.test(sql))).not.toEqual([]),
  )
  const file = new DatabaseSync(join(folder, 'latchkey.db'))
  onTestFinished(() => file.close())
  const planOf = (sql: string) =>
    file
      .prepare(`explain query plan ${sql}`)
      .all()
      .map((row) => String(row['detail']))
  const read = [...asked].filter((sql) => /^(select|update|delete|insert|with)/i.test(sql))
  const whole = read.flatMap((sql) =>
    planOf(sql)
      .filter((step) => /^SCAN (?!\d+-ROW)/.test(step) && !BOUNDED.test(step))
      .map((step) => `${step}: ${sql}`),
  )
  expect(read.length).toBeGreaterThan(100)
  expect(whole).toEqual([])
})
