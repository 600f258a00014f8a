import { describe, expect, it } from 'vitest'
import { createSharedWorld } from '../../../test/other-process.ts'
import { sessionOf } from '../../../test/wire.ts'
import type { World } from '../../../test/world.ts'

const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })

const ended = (reason: string) => `update sessions set ended_at = last_used_at, end_reason = '${reason}'`

describe('between what a refresh reads and what it writes', () => {
  // Guard: `where endedAt is null` in `store.rotate` and `store.touch`. Seen failing (200) without it.
  it.each([0, 1])('a logout elsewhere wins (a repeat: %i)', async (repeats) => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    for (let repeat = 0; repeat < repeats; repeat++) await refresh(world, user.refresh)
    strike(ended('logout'))
    const answer = await refresh(world, user.refresh)
    expect([answer.status, answer.body.detail]).toEqual([401, 'Token is blacklisted'])
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'logout', generation: repeats })
  })

  // Guard: `where generation = …` in `store.rotate`. Seen failing (another successor) without it.
  it('a rotation elsewhere wins, and its successor is given', async () => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    strike(`update sessions set generation = 1, rotated_at = '2026-11-22T08:59:00.000Z'`)
    const answer = await refresh(world, user.refresh)
    expect(answer.status).toBe(200)
    expect(await sessionOf(world, user.refresh)).toMatchObject({
      generation: 1,
      rotatedAt: new Date('2026-11-22T08:59:00.000Z'),
    })
    expect((await refresh(world, user.refresh)).body.refresh).toBe(answer.body.refresh)
  })

  // Guard: `where generation = …` in `store.touch`. Seen failing (200) without it.
  it('a use of the successor elsewhere makes a repeat a reuse', async () => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    await refresh(world, user.refresh)
    strike('update sessions set generation = 2')
    expect((await refresh(world, user.refresh)).status).toBe(401)
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'refresh_token_reused' })
  })

  // Guard: `where endedAt is null` in `store.end`. Seen failing (a mail, and the reason overwritten) without it.
  it('a reuse told by another server is not told again', async () => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    const { refresh: second } = (await refresh(world, user.refresh)).body
    await refresh(world, second)
    strike(ended('logout'))
    expect((await refresh(world, user.refresh)).status).toBe(401)
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'logout' })
    expect(await world.inbox(user.email)).toEqual([])
  })

  it('the session’s row may go altogether', async () => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    strike('delete from sessions')
    expect((await refresh(world, user.refresh)).status).toBe(401)
  })
})
