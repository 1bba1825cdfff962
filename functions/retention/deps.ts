import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Host } from '../../shared/host.ts'

export interface Deps extends Host {
  readonly access: Access
}

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  return { ...host, access: createAccess(host) }
}
