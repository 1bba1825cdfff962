import { hostname } from 'node:os'
import type { Logger } from '../log.ts'
import { setTracer } from '../trace.ts'
import { SpanExport } from './span-export.ts'
import { RecordingTracer } from './tracer.ts'

export interface Recording {
  close(withinMs: number): Promise<void>
}

/** Turns traces on in this process. */
export function recordTraces(
  endpoint: string,
  ratio: number,
  log: Pick<Logger, 'info' | 'warn'>,
): Recording {
  const exported = new SpanExport({ endpoint, instance: `${hostname()}-${process.pid}`, log })
  setTracer(new RecordingTracer(ratio, (span) => exported.take(span)))
  return {
    close: (withinMs) => {
      setTracer(undefined)
      return exported.close(withinMs)
    },
  }
}
