import { askToRegister, confirm } from '../registrations.ts'
import type { Operation } from './operation.ts'

const settings = { REGISTRATION: 'neutral' }

let names = 0
const newEmail = () => `newcomer${++names}@statements.example.com`

/** The writes of registration where it answers alike for every address. */
export const NEUTRAL_OPERATIONS: readonly Operation[] = [
  {
    name: 'a registration asked for',
    success: 202,
    settings,
    prepare: async (world) => {
      const email = newEmail()
      return () => askToRegister(world, email)
    },
  },
  {
    name: 'a registration proven',
    success: 201,
    settings,
    prepare: async (world) => {
      const email = newEmail()
      await askToRegister(world, email)
      // Sent by itself: two that are due at once arrive in either order.
      await world.inbox()
      await askToRegister(world, email, { from: '203.0.113.5' })
      const code = await world.codeTo(email)
      return () => confirm(world, code, email, '203.0.113.5')
    },
  },
  {
    name: 'a registration proven whose address was taken meanwhile',
    success: 400,
    settings,
    prepare: async (world) => {
      const email = newEmail()
      await askToRegister(world, email)
      const code = await world.codeTo(email)
      const row = {
        email,
        emailKey: email,
        passwordHash: '!',
        firstName: '',
        lastName: '',
        createdAt: world.clock.now(),
      }
      await world.latchkey.foundation.db.insertInto('users').values(row).execute()
      return () => confirm(world, code, email)
    },
  },
]
