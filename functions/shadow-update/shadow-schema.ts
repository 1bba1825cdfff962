import * as z from 'zod'
import { DeviceId } from '../../shared/device-id.ts'
import { Time } from '../../shared/http/openapi.ts'
import { isShadowName } from '../../shared/shadow/name.ts'

export const ShadowName = z
  .string()
  .refine(isShadowName, 'not a name of a shadow')
  .meta({ pattern: '^[$a-zA-Z0-9:_-]{1,64}$' })

export const DeviceParam = z.object({ id: DeviceId })
export const NamedParam = z.object({ id: DeviceId, name: ShadowName })

const Section = z.record(z.string(), z.unknown())

export const ShadowState = z
  .strictObject({ desired: Section.nullable().optional(), reported: Section.nullable().optional() })
  .nullable()
  .meta({ description: 'Objects merge, everything else replaces, null removes' })

/** MQTT's envelope; unlike there, members that nobody knows are refused. */
export const ShadowChange = z
  .strictObject({
    state: ShadowState,
    version: z
      .number()
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The version that must be the current one, else 409' }),
    clientToken: z.string().max(64).optional(),
  })
  .meta({ id: 'ShadowChange' })

/** The accepted document: what was sent, or the whole shadow, with the time of each leaf. */
export const ShadowDocument = z
  .looseObject({
    state: z.record(z.string(), z.unknown()).nullable().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    version: z.number().int(),
    timestamp: z.number().int().meta({ description: 'Unix seconds' }),
    clientToken: z.string().optional(),
  })
  .meta({ id: 'ShadowDocument' })

export const ShadowSummary = z
  .object({
    name: z.string().nullable().meta({ description: 'Null: the classic shadow' }),
    version: z.number().int(),
    differing: z
      .number()
      .int()
      .meta({ description: 'Leaves that reported has not as desired has them' }),
    lightweight: z.boolean(),
    updated_at: Time,
  })
  .meta({ id: 'ShadowSummary' })

export const ShadowHistoryItem = z
  .object({
    version: z.number().int(),
    at: Time,
    actor: z.string(),
    kind: z.enum(['update', 'delete', 'report']),
    request: z.unknown().meta({ description: 'As it was sent; null where nothing was' }),
  })
  .meta({ id: 'ShadowHistoryItem' })
