import type { Database } from '../../shared/db/database.ts'
import { LiveAnchors } from './anchors.ts'
import { liveLimits } from './edge-limits.ts'
import { startEdge, type Edge, type EdgeOptions } from './edge.ts'

export interface LiveEdgeOptions extends Omit<EdgeOptions, 'anchors' | 'limits'> {
  /** As role `edge`. */
  readonly db: Database
  /** PEM of further authorities whose certificates clients may show: the claim root. */
  readonly authorities: readonly string[]
  readonly refreshMs?: number
}

const REFRESH_MS = 10_000

/** The edge with authorities, revocations and limits from the database, and files read again when they change. */
export async function startLiveEdge(options: LiveEdgeOptions): Promise<Edge> {
  const { db, log, refreshMs = REFRESH_MS } = options
  const anchors = new LiveAnchors(db, options.authorities)
  const limits = liveLimits(db)
  await Promise.all([anchors.refresh(), limits.refresh()])
  const edge = await startEdge({
    ...options,
    anchors: () => anchors,
    limits: () => limits.current(),
  })
  let served = JSON.stringify(await options.certificate())
  const refresh = async () => {
    const [changed] = await Promise.all([anchors.refresh(), limits.refresh()])
    const certificate = JSON.stringify(await options.certificate())
    if (changed || certificate !== served) await edge.reload()
    served = certificate
  }
  const timer = setInterval(() => {
    refresh().catch((error: unknown) => log.warn({ err: error }, 'edge not refreshed'))
  }, refreshMs)
  return {
    ...edge,
    close: async (graceMs) => {
      clearInterval(timer)
      await edge.close(graceMs)
    },
  }
}
