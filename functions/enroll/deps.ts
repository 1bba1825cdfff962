import { createAccess, type AccessDeps } from '../../shared/access/access.ts'
import { createEnroll, type Enroll } from '../../shared/enrollment/enroll.ts'
import { createRenew, type Renew } from '../../shared/enrollment/renew.ts'
import type { Host } from '../../shared/host.ts'
import type { ServeDeps } from '../../shared/http/serve.ts'
import { readKek } from '../../shared/wrap.ts'

export interface Deps extends AccessDeps, ServeDeps {
  readonly enroll: Enroll
  readonly renew: Renew
  readonly mqttPublicUrl: string
}

export async function createDeps(host: Host): Promise<Deps> {
  const { db, clock, log, hop, config, call } = host
  const access = createAccess(host)
  const kek = async () => {
    const secret = await host.secret('kek')
    return secret && readKek(secret)
  }
  const enroll = createEnroll({ db, clock, rates: access.rates, call, kek })
  const renew = createRenew({ db, clock, call })
  const { mqttPublicUrl } = config
  return { db, clock, log, hop, config, access, enroll, renew, mqttPublicUrl }
}
