import * as z from 'zod'

const DAY = 86_400
const GROUPS_MAX = 100
const Seconds = z.number().int().min(1)
const Percent = z.number().positive().max(100)

export const GroupRule = z.strictObject({ percent: Percent })
export type GroupRule = z.infer<typeof GroupRule>

/** Silence that counts as failure. A device that is away has not answered yet, so the first one is long. */
export const Timeouts = z.strictObject({
  answer_seconds: Seconds.max(365 * DAY).default(7 * DAY),
  progress_seconds: Seconds.max(30 * DAY).default(2 * 3600),
  verify_seconds: Seconds.max(30 * DAY).default(1800),
})
export type Timeouts = z.infer<typeof Timeouts>

const DEFAULT_TIMEOUTS: Timeouts = Timeouts.parse({})
const exact = (groups: readonly GroupRule[]): boolean =>
  Math.abs(groups.reduce((sum, { percent }) => sum + percent, 0) - 100) < 1e-6

const Groups = z.union([
  z.number().int().min(1).max(GROUPS_MAX),
  z
    .array(GroupRule)
    .min(1)
    .max(GROUPS_MAX)
    .refine(exact, 'the percentages of the groups must add up to 100'),
])
const ErrorPercent = z.number().min(0).max(100)
const Sample = z.number().int().min(1).max(1_000_000)

/** How a rollout goes, as the operator says it. */
export const RuleFields = {
  groups: Groups.default(1),
  success_percent: Percent.default(90),
  error_percent: ErrorPercent.default(5),
  error_sample: Sample.default(30),
  allow_downgrade: z.boolean().default(false),
  timeouts: Timeouts.default(DEFAULT_TIMEOUTS),
}

/** The same for a change: what is not said stays. */
export const RuleEdits = {
  groups: Groups.optional(),
  success_percent: Percent.optional(),
  error_percent: ErrorPercent.optional(),
  error_sample: Sample.optional(),
  allow_downgrade: z.boolean().optional(),
  timeouts: Timeouts.optional(),
}

export const SaidRules = z.strictObject(RuleFields)
export type SaidRules = z.infer<typeof SaidRules>

/** As stored: the groups are explicit. */
export const Rules = z.strictObject({ ...RuleFields, groups: z.array(GroupRule).min(1) })
export type Rules = z.infer<typeof Rules>

/** A number of groups becomes groups of the same size. */
export function toRules(said: SaidRules): Rules {
  const { groups } = said
  if (typeof groups !== 'number') return { ...said, groups }
  return { ...said, groups: Array.from({ length: groups }, () => ({ percent: 100 / groups })) }
}
