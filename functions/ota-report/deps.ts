import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Host } from '../../shared/host.ts'
import { openStore } from '../../shared/storage/open.ts'
import type { ObjectStore } from '../../shared/storage/store.ts'

export interface Deps extends Host {
  readonly access: Access
  readonly objects: ObjectStore
}

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  return { ...host, access: createAccess(host), objects: await openStore(host.config) }
}
