import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Host } from '../../shared/host.ts'
import type { ShadowDeps } from '../../shared/shadow/work.ts'

export interface Deps extends Host {
  readonly access: Access
  readonly shadows: ShadowDeps
}

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  const { db, clock, config } = host
  return {
    ...host,
    access: createAccess(host),
    shadows: { db, clock, maxBytes: config.shadowMaxBytes },
  }
}
