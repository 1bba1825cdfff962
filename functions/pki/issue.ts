import { IssueWire } from '../../shared/enrollment/issue-wire.ts'
import { DomainError } from '../../shared/errors.ts'
import { readProfileNamed } from '../../shared/pki/read-authorities.ts'
import type { Deps } from './deps.ts'

/** Signs a batch of admitted requests; each is answered by itself. */
export async function issue(deps: Deps, request: Request): Promise<Response> {
  const { requests } = IssueWire.parse(await request.json())
  const results = await Promise.all(
    requests.map(async (wire) => {
      try {
        const der = await deps.issue({
          deviceId: wire.device_id,
          request: Buffer.from(wire.request, 'hex'),
          profileName: wire.profile,
          profile: await readProfileNamed(deps.db, wire.profile),
          renews: wire.renews === null ? undefined : Buffer.from(wire.renews, 'hex'),
          actor: wire.actor,
          source: wire.source,
          callId: wire.call_id,
        })
        return { certificate: der.toString('base64') }
      } catch (error) {
        if (!(error instanceof DomainError)) {
          deps.log.error({ err: error, deviceId: wire.device_id }, 'signing failed')
          return { code: 'ca.unavailable' }
        }
        deps.log.warn(
          { code: error.code, err: error.cause, deviceId: wire.device_id },
          'not signed',
        )
        return { code: error.code }
      }
    }),
  )
  return Response.json({ results })
}
