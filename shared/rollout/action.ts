export const ACTION_STATES = [
  'scheduled',
  'offered',
  'retrieved',
  'downloading',
  'downloaded',
  'installing',
  'rebooting',
  'verifying',
  'succeeded',
  'failed',
  'cancelled',
  'rejected',
  'timed_out',
] as const
export type ActionState = (typeof ACTION_STATES)[number]

export const PHASES = ['scheduled', 'open', 'ended'] as const
export type Phase = (typeof PHASES)[number]

const BEGUN = [
  'retrieved',
  'downloading',
  'downloaded',
  'installing',
  'rebooting',
  'verifying',
  'succeeded',
  'failed',
  'rejected',
  'timed_out',
] as const
const UNTIL_INSTALLED = [...BEGUN, 'cancelled'] as const

/**
 * What an action may become. Before the device restarts it may go back (a download cut by a loss of power begins anew); after it,
 * only the version that it runs decides.
 */
export const ACTION_TRANSITIONS = {
  scheduled: ['offered', 'cancelled'],
  offered: UNTIL_INSTALLED,
  retrieved: UNTIL_INSTALLED,
  downloading: UNTIL_INSTALLED,
  downloaded: UNTIL_INSTALLED,
  installing: BEGUN,
  rebooting: ['rebooting', 'verifying', 'succeeded', 'failed', 'timed_out'],
  verifying: ['verifying', 'rebooting', 'succeeded', 'failed', 'timed_out'],
  succeeded: [],
  failed: [],
  cancelled: [],
  rejected: [],
  timed_out: [],
} as const satisfies Record<ActionState, readonly ActionState[]>

const ENDS: ReadonlySet<ActionState> = new Set([
  'succeeded',
  'failed',
  'cancelled',
  'rejected',
  'timed_out',
])

export function mayAct(from: ActionState, to: ActionState): boolean {
  const next: readonly ActionState[] = ACTION_TRANSITIONS[from]
  return next.includes(to)
}

export function phaseOf(state: ActionState): Phase {
  if (state === 'scheduled') return 'scheduled'
  return ENDS.has(state) ? 'ended' : 'open'
}

/** States in which a device has been told but has not yet begun to change itself. */
export const CANCELLABLE: readonly ActionState[] = ACTION_STATES.filter((state) =>
  mayAct(state, 'cancelled'),
)

/** States in which a device has been, or will be, restarted: the next version that it says decides. */
export const AWAITING_VERSION: readonly ActionState[] = ['rebooting', 'verifying']

/** What a device may say of an action. `verifying` is ours: it said that it succeeded. */
export const REPORTED_STATES = [
  'retrieved',
  'downloading',
  'downloaded',
  'installing',
  'rebooting',
  'succeeded',
  'failed',
  'rejected',
] as const
export type ReportedState = (typeof REPORTED_STATES)[number]
