import { createAccess, type AccessDeps } from '../../shared/access/access.ts'
import { createEnroll, type Enroll } from '../../shared/enrollment/enroll.ts'
import { createRenew, type Renew } from '../../shared/enrollment/renew.ts'
import type { Host } from '../../shared/host.ts'
import type { ServeDeps } from '../../shared/http/serve.ts'

export interface Deps extends AccessDeps, ServeDeps {
  readonly enroll: Enroll
  readonly renew: Renew
}

// Shared keys are for the JSON contract: EST has no place for their mac.
const noKek = () => Promise.resolve(undefined)

export async function createDeps(host: Host): Promise<Deps> {
  const { db, clock, log, hop, config, call } = host
  const access = createAccess(host)
  const enroll = createEnroll({ db, clock, rates: access.rates, call, kek: noKek })
  const renew = createRenew({ db, clock, call })
  return { db, clock, log, hop, config, access, enroll, renew }
}
