import { markAuthority } from '../../shared/pki/health.ts'
import { publishDueCrls } from '../../shared/pki/publish-crl.ts'
import type { Deps } from './deps.ts'

/** Each tick: health, and CRLs that are due. */
export async function tick(deps: Deps): Promise<Response> {
  await markAuthority(deps)
  const published = await publishDueCrls(deps).catch((error: unknown) => {
    deps.log.error({ err: error }, 'no CRL could be published')
    return 0
  })
  return Response.json({ published })
}
