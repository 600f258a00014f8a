import { describe, expect, it } from 'vitest'
import { change, verifyEmail } from '../../../test/changes.ts'
import { createWorld } from '../../../test/world.ts'

const PROBES = Array.from({ length: 31 }, (_, n) => `somebody${n}@example.com`)

describe('whether others’ addresses are taken', () => {
  it('is told a user thirty times an hour and no more, as whoever registers, even by bodies at fault', async () => {
    const world = await createWorld()
    const eve = await world.signedInUser()
    const told = []
    for (const email of PROBES) told.push((await change(world, eve, { email, birthday: 'junk' })).status)
    expect(told).toEqual([...Array.from({ length: 30 }, () => 400), 429])
    expect((await change(world, eve, { email: 'another@example.com' })).status).toBe(429)
  })

  it('is no question where the address is the user’s own: a client may send the whole record each time', async () => {
    const world = await createWorld()
    const sara = await world.signedInUser()
    await verifyEmail(world, sara)
    for (const _ of PROBES) {
      expect((await change(world, sara, { email: sara.email.toUpperCase(), first_name: 'Sara' })).status).toBe(200)
    }
  })

  it('is no secret from admins, who list every user', async () => {
    const world = await createWorld()
    const admin = await world.admin()
    for (const email of PROBES) {
      expect((await change(world, admin, { email, birthday: 'junk' })).status).toBe(400)
    }
  })
})
