import type { JsonObject } from '../json.ts'

export type OperationState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'

/** What an operation may become. */
export const OPERATION_TRANSITIONS = {
  queued: ['running', 'cancelled'],
  running: ['succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<OperationState, readonly OperationState[]>

/** Long work in slices, as whoever advances it holds it: a lease of its own, so that two never do the same slice. */
export interface Operation {
  readonly id: number
  readonly kind: string
  readonly actor: string
  readonly input: JsonObject
  readonly query: string | null
  readonly cursor: string | null
  readonly total: number | null
  readonly done: number
  readonly failed: number
  readonly holder: string
}

/** What one slice did. */
export interface Slice {
  /** Where the next slice goes on. */
  readonly cursor: string | null
  readonly done: number
  readonly failed: number
  readonly total?: number | null
  /** What became of single things; `key` is a device's id, or names another thing of the input. */
  readonly results?: readonly SliceResult[]
  /** The last slice. */
  readonly end?: 'succeeded' | 'failed'
}

export interface SliceResult {
  readonly key: string
  readonly state: 'succeeded' | 'failed'
  readonly code?: string
  readonly detail?: string
}
