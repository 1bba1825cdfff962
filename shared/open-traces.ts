import type { Config } from './config.ts'
import type { Logger } from './log.ts'

export interface Traces {
  /** Sends what is left, for at most so long. */
  close(withinMs?: number): Promise<void>
}

const CLOSE_MS = 1_000

/** Traces as configured: without a collector nothing is loaded. */
export async function openTraces(
  { tracesEndpoint, tracesRatio }: Config,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<Traces> {
  if (tracesEndpoint === undefined) return { close: async () => undefined }
  const { recordTraces } = await import('./trace/record.ts')
  const recording = recordTraces(tracesEndpoint, tracesRatio, log)
  return { close: (withinMs = CLOSE_MS) => recording.close(withinMs) }
}
