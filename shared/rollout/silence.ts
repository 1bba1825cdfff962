import type { ActionState } from './action.ts'
import { lookSeconds } from './offer.ts'
import { sameVersion } from './report.ts'
import type { Timeouts } from './rules.ts'

/** What the engine knows of an open action when it is due to be looked at. */
export interface Silent {
  readonly state: ActionState
  readonly stateAt: Date
  readonly dueAt: Date
  readonly version: string
  /** The registry's, when the action was offered and now. */
  readonly fromVersion: string | null
  readonly firmwareVer: string | null
  /** Since when the device is connected. */
  readonly connectedAt: Date | null
  /** Decommissioned, or no longer in the registry. */
  readonly gone: boolean
}

export type Look =
  | { readonly kind: 'end'; readonly state: 'timed_out' | 'succeeded' | 'cancelled' }
  | { readonly kind: 'wait'; readonly next: Date; readonly offerAgain: boolean }

/** From then on a device that stays connected and silent is told again at each look: its broker may have lost the message. */
const LASTING_SECONDS = 600
const SLACK_SECONDS = 15

const seconds = (date: Date): number => date.getTime() / 1000

function limitOf(state: ActionState, timeouts: Timeouts): number {
  if (state === 'offered') return timeouts.answer_seconds
  if (state === 'rebooting' || state === 'verifying') return timeouts.verify_seconds
  return timeouts.progress_seconds
}

/**
 * Judges an action that is due. Silence past its state's limit ends it, save where the registry already shows the release's version
 * and did not before: then the device has said what it runs.
 */
export function judgeSilence(action: Silent, timeouts: Timeouts, now: Date): Look {
  const { state, version, fromVersion, firmwareVer } = action
  if (action.gone) return { kind: 'end', state: 'cancelled' }
  const since = seconds(action.stateAt)
  const limit = limitOf(state, timeouts)
  if (seconds(now) - since >= limit) {
    const runs = firmwareVer !== null && sameVersion(firmwareVer, version)
    const changed = fromVersion !== null && !sameVersion(fromVersion, version)
    const awaiting = state === 'rebooting' || state === 'verifying'
    return { kind: 'end', state: awaiting && runs && changed ? 'succeeded' : 'timed_out' }
  }
  const wait = state === 'offered' ? pause(seconds(now) - since, timeouts) : shortest(timeouts)
  const next = new Date(Math.min(since + limit, seconds(now) + wait) * 1000)
  return {
    kind: 'wait',
    next,
    offerAgain: state === 'offered' && isDueAgain(action, timeouts, now),
  }
}

const shortest = ({ answer_seconds, progress_seconds, verify_seconds }: Timeouts): number =>
  Math.min(answer_seconds, progress_seconds, verify_seconds)

// As long again as the silence has lasted: a million devices that are away cost a million looks in half an hour, not in half a minute.
// No longer than the shortest limit, so that none is noticed much later.
function pause(silent: number, timeouts: Timeouts): number {
  return Math.min(Math.max(silent, lookSeconds(timeouts)), shortest(timeouts))
}

// Who came back since the last look, which was half as long after the offer as this one was due, and who stays.
function isDueAgain({ stateAt, dueAt, connectedAt }: Silent, timeouts: Timeouts, now: Date) {
  if (connectedAt === null) return false
  const due = seconds(dueAt) - seconds(stateAt)
  const looked = seconds(dueAt) - pause(due / 2, timeouts) - SLACK_SECONDS
  const back = seconds(connectedAt) > Math.max(looked, seconds(stateAt))
  return back || seconds(now) - seconds(stateAt) >= LASTING_SECONDS
}
