import type { Fact } from '../index/facts.ts'
import { leafFacts, type Leaf } from '../index/leaves.ts'
import type { Tree } from './document.ts'
import type { FactJson, FieldJson } from './queries.ts'

/** Facts of each declared leaf, in the order of the leaves. */
export type LeafFacts = readonly (readonly Fact[])[]

export function factsOfLeaves(
  leaves: readonly Leaf[],
  sections: Readonly<Record<'desired' | 'reported', Tree | undefined>>,
): LeafFacts {
  return leaves.map((leaf) => leafFacts(leaf, sections))
}

/** What a change of a shadow means to its facts. */
export interface FactChanges {
  /** Of leaves that are ready: what stays is not written. */
  readonly goneFacts: readonly FactJson[]
  readonly saidFacts: readonly FactJson[]
  /** Leaves whose backfill is under way, and all their facts. */
  readonly unready: readonly FieldJson[]
  readonly unreadyFacts: readonly FactJson[]
}

export const NO_FACT_CHANGES: FactChanges = {
  goneFacts: [],
  saidFacts: [],
  unready: [],
  unreadyFacts: [],
}

export function factChanges(
  { device_id, shadow }: { readonly device_id: string; readonly shadow: string },
  leaves: readonly Leaf[],
  before: LeafFacts,
  after: LeafFacts,
): FactChanges {
  if (leaves.length === 0) return NO_FACT_CHANGES
  const collect = (ready: boolean, facts: LeafFacts, others: LeafFacts): FactJson[] =>
    leaves.flatMap((leaf, index) => {
      if (leaf.ready !== ready) return []
      const known = new Set((others[index] ?? []).map(({ t }) => t))
      return (facts[index] ?? []).flatMap((fact) =>
        known.has(fact.t) ? [] : [{ device_id, shadow, field: leaf.field, ...fact }],
      )
    })
  return {
    goneFacts: collect(true, before, after),
    saidFacts: collect(true, after, before),
    unready: leaves.flatMap(({ field, ready }) => (ready ? [] : [{ device_id, shadow, field }])),
    unreadyFacts: collect(false, after, []),
  }
}
