import * as z from 'zod'
import { serialId } from '../../shared/artifact/artifacts.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Cursor } from '../../shared/http/page.ts'

/** What a release or rollout is called by in paths and bodies. */
export const NameOrId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'a name or an id')
  .meta({ description: 'Name or id' })

/** What an artifact is called by. */
export const IdOrSha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{1,64}$/, 'an id or a SHA-256')
  .meta({ description: 'Id or SHA-256' })

/** The id at which a list of newest first goes on; what was made up is refused. */
export function idBefore(cursor: Cursor | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const id = serialId(cursor.after[0] ?? '')
  if (id === undefined) throw new DomainError('page.cursor_invalid')
  return id
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The same for a list by UUID. */
export function uuidAfter(cursor: Cursor | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const [id = null] = cursor.after
  if (id === null || !UUID.test(id)) throw new DomainError('page.cursor_invalid')
  return id
}
