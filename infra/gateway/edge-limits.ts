import type { Database } from '../../shared/db/database.ts'
import { readSettings } from '../../shared/setting/read.ts'
import { SOURCE_LIMITS, sourceOf, type SourceLimits } from './source-limit.ts'

const BURST_SECONDS = 5

/** The limits of sources as the settings say; the last known ones while the database does not answer. */
export function liveLimits(db: Database): { current(): SourceLimits; refresh(): Promise<void> } {
  let limits = SOURCE_LIMITS
  return {
    current: () => limits,
    refresh: async () => {
      const settings = await readSettings(db)
      const newPerSecond = settings['edge.connection_rate']
      limits = {
        newPerSecond,
        burst: newPerSecond * BURST_SECONDS,
        open: settings['edge.connections'],
        trusted: settings['edge.trusted_sources'].map((source) =>
          sourceOf(source.split('/')[0] ?? ''),
        ),
      }
    },
  }
}
