import type { ActionState } from './action.ts'
import { LOOK_SECONDS, lookSeconds } from './offer.ts'
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

const AGAIN_SECONDS = 600
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
  const next = Math.min(since + limit, seconds(now) + lookSeconds(timeouts))
  const offerAgain = state === 'offered' && isDueAgain(action, now)
  return { kind: 'wait', next: new Date(next * 1000), offerAgain }
}

// A device that came back since the last look, and every ten minutes one that stays: its broker may have lost the message.
function isDueAgain({ stateAt, dueAt, connectedAt }: Silent, now: Date): boolean {
  const looked = seconds(dueAt) - LOOK_SECONDS - SLACK_SECONDS
  const back = connectedAt !== null && seconds(connectedAt) > Math.max(looked, seconds(stateAt))
  const round = (date: Date) => Math.floor((seconds(date) - seconds(stateAt)) / AGAIN_SECONDS)
  const lasting =
    connectedAt !== null && round(now) > round(new Date((looked + SLACK_SECONDS) * 1000))
  return back || (lasting && round(now) > 0)
}
