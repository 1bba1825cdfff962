import * as z from 'zod'
import { AnyJson, Time } from '../../shared/http/openapi.ts'

export const OperationId = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, 'not a number')
  .transform(Number)
  .pipe(z.number().max(2_147_483_647))

export const OperationState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'])

export const OperationSchema = z
  .object({
    id: z.string(),
    kind: z.string(),
    state: OperationState,
    actor: z.string(),
    query: z.string().nullable(),
    change: AnyJson,
    total: z.number().int().nullable(),
    done: z.number().int(),
    failed: z.number().int(),
    created_at: Time,
    finished_at: Time.nullable(),
  })
  .meta({ id: 'Operation' })
