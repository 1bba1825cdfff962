import * as z from 'zod'
import { DEVICE_ID } from '../device-id.ts'

const Hex = z.string().regex(/^(?:[0-9a-f]{2}){1,64}$/)

/** What a front function sends to the authority's `/internal/issue`. */
export const IssueWire = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        device_id: z.string().regex(DEVICE_ID),
        request: Hex,
        profile: z.string().min(1).max(64),
        renews: Hex.nullable(),
        actor: z.string().max(256),
        source: z.string().max(64),
        call_id: z.string().max(128),
      }),
    )
    .min(1)
    .max(200),
})
export type IssueWire = z.infer<typeof IssueWire>

/** Its answer: a certificate, or a code, for each. */
export const IssuedWire = z.object({
  results: z.array(
    z.union([z.object({ certificate: z.base64() }), z.object({ code: z.string().max(64) })]),
  ),
})
export type IssuedWire = z.infer<typeof IssuedWire>
