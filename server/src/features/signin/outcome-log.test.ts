import { expect, it } from 'vitest'
import { PRODUCTION } from '../../../test/production.ts'
import { askForCode, reachableUser } from '../../../test/sign-in-codes.ts'
import { createWorld, type World } from '../../../test/world.ts'

const resetFor = (world: World, email: string) => world.call('POST', '/api/password/reset/', { body: { email } })

it('a developer reads in the log what became of a reset and of a code that was asked for, the address masked', async () => {
  const world = await createWorld()
  const user = await reachableUser(world)
  for (const email of [user.email, user.email, 'nobody@example.com']) await resetFor(world, email)
  for (const email of [user.email, 'nobody@example.com']) await askForCode(world, { email })
  const outcomes = [...world.logged().matchAll(/"outcome":"(\w+)","address":"([^"]+)"/g)].map(([, ...told]) => told)
  expect(outcomes).toEqual([
    ['mailed', 'u***@example.com'],
    ['mailed_just_now', 'u***@example.com'],
    ['no_account', 'n***@example.com'],
    ['code_asked_for', 'u***@example.com'],
    ['no_account', 'n***@example.com'],
  ])
})

it('the log of a production server tells nothing of it', async () => {
  const world = await createWorld({ settings: PRODUCTION })
  await resetFor(world, 'nobody@example.com')
  await askForCode(world, { email: 'nobody@example.com' })
  expect(world.logged()).not.toContain('outcome')
})
