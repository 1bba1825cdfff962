import { versionKey } from '../query/version.ts'
import { AWAITING_VERSION, mayAct, type ActionState, type ReportedState } from './action.ts'

/** What the engine holds of an open action when a device speaks of it. */
export interface Standing {
  readonly state: ActionState
  readonly agentVerdict: string | null
  /** What the device will say when it runs the release. */
  readonly version: string
}

export interface Said {
  readonly state: ReportedState
  readonly firmwareVer?: string | undefined
}

export type Outcome =
  | { readonly kind: 'moved'; readonly state: ActionState; readonly agentVerdict: string | null }
  /** Said before: nothing changes. */
  | { readonly kind: 'same' }
  | { readonly kind: 'refused' }

/** Whether a device that says `reported` runs the release `version`. */
export type SameVersion = (reported: string, version: string) => boolean

/** Equal as versions (`v2.5` is 2.5.0), save where the release names a build: then to the letter. */
export const sameVersion: SameVersion = (reported, version) =>
  reported === version || (!version.includes('+') && versionKey(reported) === versionKey(version))

/**
 * What becomes of an action by a device's report. `succeeded` is only the agent's verdict: with the version in the same breath it is
 * judged at once, else by the next version that the device says. `rebooting` tells the version before the restart, so it judges nothing.
 */
export function apply(action: Standing, said: Said, same: SameVersion): Outcome {
  const { state, agentVerdict } = action
  if (said.state === 'succeeded') return succeeded(action, said.firmwareVer, same)
  if (!mayAct(state, said.state)) {
    return said.state === state || said.state === agentVerdict
      ? { kind: 'same' }
      : { kind: 'refused' }
  }
  // The same state again, with another progress, is a move too: it ends the silence.
  const final = said.state === 'failed' || said.state === 'rejected'
  return { kind: 'moved', state: said.state, agentVerdict: final ? said.state : agentVerdict }
}

function succeeded(action: Standing, reported: string | undefined, same: SameVersion): Outcome {
  const { state, agentVerdict } = action
  if (!mayAct(state, 'succeeded')) {
    return agentVerdict === 'succeeded' ? { kind: 'same' } : { kind: 'refused' }
  }
  if (reported === undefined)
    return { kind: 'moved', state: 'verifying', agentVerdict: 'succeeded' }
  const next = same(reported, action.version) ? 'succeeded' : 'failed'
  return { kind: 'moved', state: next, agentVerdict: 'succeeded' }
}

/** What a version that a device says, wherever, makes of its open action: nothing before the restart was said. */
export function judgeVersion(
  { state, version }: Pick<Standing, 'state' | 'version'>,
  reported: string,
  same: SameVersion,
): 'succeeded' | 'failed' | undefined {
  if (!AWAITING_VERSION.includes(state)) return undefined
  return same(reported, version) ? 'succeeded' : 'failed'
}
