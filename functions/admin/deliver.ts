import type { DeliverDeps } from '../../shared/webhook/deliver.ts'
import { mayReach } from '../../shared/webhook/address.ts'
import type { Deps } from './deps.ts'

/** Everything on one machine, whose gateway listens on loopback: then receivers may be there too. */
function isEmbedded({ config }: Deps): boolean {
  const host = new URL(config.gatewayUrl).hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || (mayReach(host, true) && !mayReach(host, false))
}

export function deliverDeps(deps: Deps): DeliverDeps {
  const { db, clock, kek } = deps
  return { db, clock, kek, allowLoopback: isEmbedded(deps) }
}
