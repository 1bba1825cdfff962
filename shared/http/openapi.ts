import * as z from 'zod'
import { PageQuery } from './page.ts'

/** A JSON answer or body. */
export const json = <T extends z.ZodType>(schema: T, description = 'OK') => ({
  description,
  content: { 'application/json': { schema } },
})

/** A JSON body that must be there. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
})

export const Problem = z
  .looseObject({
    type: z.string(),
    code: z.string(),
    status: z.number().int(),
    title: z.string(),
    detail: z.string().optional(),
    call_id: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details; `type` is a page of this server' })

/** Every refusal has this form; which codes a route may give stands in its description. */
export const refusals = {
  default: {
    description: 'Refused',
    content: { 'application/problem+json': { schema: Problem } },
  },
} as const

/** A page of a list. */
export const pageSchema = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Cursor of the next page; null on the last' }),
    count: z.number().int().optional(),
  })

/** Parameters of lists of devices. */
export const DeviceListQuery = PageQuery.extend({
  q: z.string().max(4096).optional().meta({ description: 'A fleet query' }),
  sort: z.string().max(64).optional(),
  count: z.enum(['true', 'false']).optional(),
})

export const Time = z.iso.datetime().meta({ description: 'RFC 3339, UTC, milliseconds' })

/** Any JSON value: the document says no more, nor does it try to say what JSON is. */
export const AnyJson = z.unknown()

export const IfMatch = z.object({ 'if-match': z.string().optional() })
