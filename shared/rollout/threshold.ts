import type { Counters } from './rollout.ts'
import type { Rules } from './rules.ts'

export type Judgement =
  | { readonly kind: 'wait' }
  /** Enough have succeeded: the next group may start. `ended`: nobody of this one is left. */
  | { readonly kind: 'passed'; readonly ended: boolean }
  | { readonly kind: 'failed'; readonly problem: string }

type Thresholds = Pick<Rules, 'success_percent' | 'error_percent' | 'error_sample'>

const share = (part: number, whole: number): number => (whole === 0 ? 0 : (part / whole) * 100)
const percent = (value: number): string => `${Math.round(value * 10) / 10} %`

/**
 * Judges a group by its counters. Failed: more than `error_percent` of those that ended, once `error_sample` have, or of the whole
 * group, which no later success can mend. What was cancelled, or tolerated by the operator, counts on neither side.
 */
export function judgeGroup(group: Counters, rules: Thresholds): Judgement {
  const failed = Math.max(0, group.failed - group.tolerated)
  const counted = group.total - group.cancelled - group.tolerated
  const ended = group.succeeded + failed
  const rate = share(failed, ended >= rules.error_sample ? ended : counted)
  if (failed > 0 && Math.max(rate, share(failed, counted)) > rules.error_percent) {
    const of = ended >= rules.error_sample ? `${ended} that ended` : `${counted}`
    const problem = `${failed} of ${of} failed, ${percent(rate)}; ${percent(rules.error_percent)} are allowed`
    return { kind: 'failed', problem }
  }
  const all = ended >= counted
  const reached = counted === 0 || share(group.succeeded, counted) >= rules.success_percent
  if (reached) return { kind: 'passed', ended: all }
  if (!all) return { kind: 'wait' }
  const problem = `only ${group.succeeded} of ${counted} succeeded, ${percent(rules.success_percent)} are needed`
  return { kind: 'failed', problem }
}
