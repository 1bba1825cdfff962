import * as z from 'zod'
import { signClaim } from '../../shared/pki/sign-claim.ts'
import type { Deps } from './deps.ts'

const ClaimWire = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
  days: z.int().min(1).max(3650),
})

/** Makes a claim certificate for a bootstrap credential; whoever asked keeps the certificate and hands out the key once. */
export async function signClaimFor(deps: Deps, request: Request): Promise<Response> {
  return Response.json(await signClaim(deps, ClaimWire.parse(await request.json())))
}
