import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { userIdOf } from '../../http/parameters.ts'
import type { Region } from '../../kernel/address.ts'
import type { User } from '../users/service.ts'
import { noSuchUser } from './refusals.ts'

/** A user's own record, these eight fields in this order (CONTRACT: the origin's). */
export const userDetail = z
  .object({
    id: z
      .int()
      .min(1)
      .meta({ examples: [3] }),
    email: z.string().meta({ examples: ['sara@example.com'] }),
    phone: z
      .string()
      .nullable()
      .meta({ description: 'E.164', examples: ['+989123456789'] }),
    first_name: z.string().meta({ examples: ['Sara'] }),
    last_name: z.string().meta({ examples: ['Karimi'] }),
    is_verified: z.boolean().meta({ description: 'Whether any channel is verified.' }),
    birthday: z.iso
      .date()
      .nullable()
      .meta({ examples: ['1995-03-21'] }),
    gender: z.enum(['M', 'F']).nullable(),
  })
  .meta({ id: 'User' })

/** What `me` tells beside them. */
export const ownDetail = userDetail
  .extend({
    language: z.enum(['en', 'fa']).nullable(),
    email_verified: z.boolean(),
    phone_verified: z.boolean(),
    pending_email: z
      .string()
      .nullable()
      .meta({ description: 'Takes the place of `email` once a code to it is proven.' }),
    pending_phone: z
      .string()
      .nullable()
      .meta({ description: 'Takes the place of `phone` once a code to it is proven.' }),
    two_factor: z.boolean().meta({ description: 'Whether two factors are on.' }),
  })
  .meta({ id: 'Me' })

export const toDetail = (user: User): z.output<typeof userDetail> => ({
  id: user.id,
  email: user.email,
  phone: user.phone,
  first_name: user.firstName,
  last_name: user.lastName,
  is_verified: user.emailVerifiedAt !== null || user.phoneVerifiedAt !== null,
  birthday: user.birthday,
  gender: user.gender,
})

export const toOwnDetail = (user: User): z.output<typeof ownDetail> => ({
  ...toDetail(user),
  language: user.language,
  email_verified: user.emailVerifiedAt !== null,
  phone_verified: user.phoneVerifiedAt !== null,
  pending_email: user.pendingEmail,
  pending_phone: user.pendingPhone,
  two_factor: user.twoFactorSince !== null,
})

const firstName = () => fields.name().meta({ examples: ['Sara'] })
const lastName = () => fields.name().meta({ examples: ['Karimi'] })

/** The names of a new account, blank where none are given. */
export const namesToBegin = () => ({ first_name: firstName().default(''), last_name: lastName().default('') })

/** The path parameter `userIdIn` reads. */
export const userIdParameter = z
  .string()
  .meta({ type: 'integer', minimum: 1, description: "The user's number.", examples: [3] })

/** The user's number in a path, or no such user. */
export function userIdIn(params: unknown): number {
  const id = userIdOf((params as { readonly id: string }).id)
  if (id === undefined) throw noSuchUser()
  return id
}

/** What a user, or an admin, may change. `PUT` asks for `email` alone and leaves absent members as they are. */
export function profileBodies(region: Region, now: () => Date) {
  const put = z
    .object({
      email: fields.email(),
      phone: fields.phone(region).optional(),
      first_name: firstName().optional(),
      last_name: lastName().optional(),
      birthday: fields.pastDate(now).optional(),
      gender: fields.choice(['M', 'F']).nullable().optional(),
      language: fields.language().optional(),
    })
    .meta({ id: 'Profile' })
  return { PUT: put, PATCH: put.partial({ email: true }).meta({ id: 'ProfileChanges' }) }
}

const phoneSignIn = () =>
  fields
    .boolean()
    .optional()
    .meta({ description: 'Whether a code by SMS to your verified number may begin a sign-in.', examples: [true] })

/** What only the user may change beside that. */
export function ownProfileBodies(region: Region, now: () => Date) {
  const { PUT, PATCH } = profileBodies(region, now)
  return {
    PUT: PUT.extend({ phone_sign_in: phoneSignIn() }).meta({ id: 'OwnProfile' }),
    PATCH: PATCH.extend({ phone_sign_in: phoneSignIn() }).meta({ id: 'OwnProfileChanges' }),
  }
}
