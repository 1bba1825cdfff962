// The chart's table of functions: templates write of it what the plain overlay has.
import type { FunctionPlan } from './plan.ts'
import type { Manifest } from './pod.ts'

export const chartValues = (plans: readonly FunctionPlan[]): Manifest => ({
  functions: plans.map(({ name, callers, secrets, reaches, replicas, memory, cpu }) => ({
    name,
    callers,
    secrets,
    reaches,
    replicas,
    memory,
    cpu,
  })),
})
