import type { Fact } from '../index/facts.ts'
import { leafFacts, type Leaf } from '../index/leaves.ts'
import type { Tree } from './document.ts'
import type { FactJson } from './queries.ts'

/** Facts of each declared leaf, in the order of the leaves. */
export type LeafFacts = readonly (readonly Fact[])[]

export function factsOfLeaves(
  leaves: readonly Leaf[],
  sections: Readonly<Record<'desired' | 'reported', Tree | undefined>>,
): LeafFacts {
  return leaves.map((leaf) => leafFacts(leaf, sections))
}

/** What a change of a shadow takes away and brings; what stays is not written. */
export function factChanges(
  { device_id, shadow }: { readonly device_id: string; readonly shadow: string },
  leaves: readonly Leaf[],
  before: LeafFacts,
  after: LeafFacts,
): { readonly goneFacts: FactJson[]; readonly saidFacts: FactJson[] } {
  const only = (facts: LeafFacts, others: LeafFacts): FactJson[] =>
    leaves.flatMap(({ field }, index) => {
      const known = new Set((others[index] ?? []).map(({ t }) => t))
      return (facts[index] ?? []).flatMap((fact) =>
        known.has(fact.t) ? [] : [{ device_id, shadow, field, ...fact }],
      )
    })
  return { goneFacts: only(before, after), saidFacts: only(after, before) }
}
