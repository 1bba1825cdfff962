import * as z from 'zod'
import { DEVICE_ID } from '../device-id.ts'

export const MATCHES = ['device_id', 'serial', 'spki', 'idevid'] as const
/** What of a device is compared; an entry of each kind may stand for it. */
export type Match = (typeof MATCHES)[number]

export type EntryState = 'open' | 'pending' | 'used' | 'blocked'

const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/, 'not an id')
const Text = z
  .string()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}*$/u, 'no control characters')

/** What the operator says of a device that is to come. */
export const NewEntry = z
  .strictObject({
    match: z.enum(MATCHES).default('device_id'),
    value: Text,
    device_id: Name.optional(),
    hardware_rev: Text.max(64).optional(),
    credentials: z.array(Name).min(1).max(20).optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
    max_uses: z.number().int().min(1).max(1_000_000).default(1),
  })
  .superRefine((entry, context) => {
    const fault = valueFault(entry.match, entry.value)
    if (fault !== undefined) context.addIssue({ code: 'custom', path: ['value'], message: fault })
  })
export type NewEntry = z.infer<typeof NewEntry>

function valueFault(match: Match, value: string): string | undefined {
  if (match === 'device_id' && !DEVICE_ID.test(value)) return 'not a device id'
  if (match === 'spki' && !/^[0-9a-f]{64}$/.test(value)) return 'not a hex SHA-256'
  return undefined
}

/** An entry as it is shown; `id` names it in paths. */
export interface Entry {
  readonly id: string
  readonly match: Match
  readonly value: string
  readonly device_id: string | null
  readonly hardware_rev: string | null
  readonly credentials: string[] | null
  readonly expires_at: string | null
  readonly uses: number
  readonly max_uses: number
  readonly state: EntryState
}

export interface EntryKey {
  readonly match: Match
  readonly value: string
}

export const entryId = ({ match, value }: EntryKey): string => `${match}:${value}`

/** `serial:0815`; a text without such a beginning is a device's id. */
export function readEntryId(id: string): EntryKey {
  const at = id.indexOf(':')
  const match = MATCHES.find((known) => known === id.slice(0, Math.max(at, 0)))
  return match === undefined
    ? { match: 'device_id', value: id }
    : { match, value: id.slice(at + 1) }
}
