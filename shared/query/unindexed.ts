import { isOrder } from './comparison.ts'
import { hasPrefix } from './pattern.ts'
import { textOf, type Query, type Test } from './query.ts'

/** Whether an index finds the devices of a test that must hold. */
function helps({ field: { source }, operator, values }: Test): boolean {
  const prefix = operator !== 'like' || hasPrefix(textOf(values[0]))
  switch (source.kind) {
    case 'column':
      return source.indexed === true && operator !== 'exists' && prefix
    case 'fact':
      return operator !== 'exists' && prefix
    case 'group':
      return operator !== 'exists'
    case 'rollout':
      return true
    case 'presence':
    case 'flag':
    case 'document':
    case 'action':
      // A boolean is half of all, presence has no index, a document is text, the newest action is per device.
      return false
  }
}

/** A negated order of a column that is never null is again an order. */
function flips({ field: { source }, operator }: Test): boolean {
  return source.kind === 'column' && isOrder(operator) && source.absent === 'infinity'
}

/** The tests for which no index helps; none when every branch has one to start from. */
export function unindexedTests(query: Query, positive = true): Test[] {
  if (query.kind === 'all') return []
  if (query.kind === 'not') return unindexedTests(query.of, !positive)
  if (query.kind === 'test') {
    const holds = positive !== query.negated
    return helps(query) && (holds || flips(query)) ? [] : [query]
  }
  const parts = query.of.map((part) => unindexedTests(part, positive))
  const narrows = (query.kind === 'and') === positive
  return narrows && parts.some((part) => part.length === 0) ? [] : parts.flat()
}
