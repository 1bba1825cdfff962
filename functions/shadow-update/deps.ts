import { createAccess, type Access } from '../../shared/access/access.ts'
import type { Host } from '../../shared/host.ts'
import { createReader, type ShadowReader } from '../../shared/shadow/read.ts'
import { createWriter, type ShadowWriter } from '../../shared/shadow/writer.ts'
import type { ShadowDeps } from '../../shared/shadow/write-plans.ts'

export interface Deps extends Host {
  readonly access: Access
  readonly shadows: ShadowDeps
  readonly readShadow: ShadowReader
  readonly writeShadow: ShadowWriter
}

/** Prepared once, before the first call. */
export async function createDeps(host: Host): Promise<Deps> {
  const { db, clock, config } = host
  const shadows: ShadowDeps = { db, clock, maxBytes: config.shadowMaxBytes }
  return {
    ...host,
    access: createAccess(host),
    shadows,
    readShadow: createReader(shadows),
    writeShadow: createWriter(shadows),
  }
}
