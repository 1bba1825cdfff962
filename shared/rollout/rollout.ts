import type { GroupRule, Rules } from './rules.ts'

export type RolloutStatus =
  | 'draft'
  | 'waiting_for_approval'
  | 'ready'
  | 'starting'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'stopped'
  | 'finished'

/**
 * What a rollout may become. draft: was denied, until its author changes it. starting: its artifacts are hashed again and its
 * devices selected. A finished one runs again by `retry`.
 */
export const ROLLOUT_TRANSITIONS = {
  draft: ['waiting_for_approval', 'ready'],
  waiting_for_approval: ['ready', 'draft'],
  ready: ['starting', 'waiting_for_approval'],
  starting: ['running', 'paused', 'stopping'],
  running: ['paused', 'stopping', 'finished'],
  paused: ['starting', 'running', 'stopping'],
  stopping: ['stopped'],
  stopped: [],
  finished: ['running'],
} as const satisfies Record<RolloutStatus, readonly RolloutStatus[]>

/** The states out of which one may come to `to`: what the database's guard asks. */
export function statesBefore(to: RolloutStatus): RolloutStatus[] {
  return ROLLOUT_STATES.filter((from) => mayBecome(from, to))
}

/** Whether the table has this step. */
export function mayBecome(from: RolloutStatus, to: RolloutStatus): boolean {
  const next: readonly RolloutStatus[] = ROLLOUT_TRANSITIONS[from]
  return next.includes(to)
}

export const ROLLOUT_STATES = [
  'draft',
  'waiting_for_approval',
  'ready',
  'starting',
  'running',
  'paused',
  'stopping',
  'stopped',
  'finished',
] as const satisfies readonly RolloutStatus[]

export type RolloutKind = 'soft' | 'forced'
export type GroupState = 'scheduled' | 'running' | 'finished' | 'failed'

export interface RolloutRow {
  rollout_id: number
  name: string
  release_id: number
  release: string
  version: string
  query: string
  status: RolloutStatus
  kind: RolloutKind
  rules: Rules
  cursor: string | null
  problem: string | null
  selected_at: Date | null
  checked_at: Date | null
  author: string
  approver: string | null
  revision: bigint
  created_at: Date
  finished_at: Date | null
}

export interface GroupRow extends Counters {
  rollout_id: number
  grp: number
  percent: number
  state: GroupState
}

/** What the engine knows of a group without looking at its actions. */
export interface Counters {
  total: number
  released: number
  succeeded: number
  failed: number
  cancelled: number
  /** Failures that the operator has accepted by going on. */
  tolerated: number
}

export interface Rollout extends RolloutRow {
  groups: readonly GroupRow[]
}

/** The upper bounds of each group, in percent of the selection; the last is left out. */
export function groupBounds(groups: readonly GroupRule[]): number[] {
  let sum = 0
  return groups.slice(0, -1).map(({ percent }) => (sum += percent))
}
