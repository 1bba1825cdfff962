import type { Catalogue } from './catalogue.ts'
import { deviceCatalogue, type DeclaredField } from './device-catalogue.ts'
import { codePoints } from './fault.ts'
import { parseLocated, type Located } from './parse.ts'
import { printQuery } from './print.ts'
import type { Query, Test } from './query.ts'
import { unindexedTests } from './unindexed.ts'

/** Something the author should know although the query is valid. */
export interface Warning {
  readonly code: 'query.undeclared' | 'query.absent_matches' | 'query.too_slow'
  readonly detail: string
  /** In code points. */
  readonly at: number
  readonly end: number
  readonly field: string
  readonly hint?: string
}

export interface Check {
  readonly query: Query
  /** The canonical text. */
  readonly text: string
  readonly warnings: readonly Warning[]
  /** Negative tests: whoever counts the matches also counts those that lack the field. */
  readonly absent: readonly AbsentMatches[]
}

export interface AbsentMatches {
  /** Selects what matches and lacks the field. */
  readonly lacking: Query
  /** What to say when there are such devices. */
  warning(count: bigint, capped: boolean): Warning
}

type Place = Omit<Warning, 'code' | 'detail' | 'hint'>

function placeOf(text: string, { spans }: Located, test: Test): Place {
  const { at, end } = spans.get(test) ?? { at: 0, end: 0 }
  return { at: codePoints(text, at), end: codePoints(text, end), field: test.field.name }
}

function undeclared(place: Place): Warning {
  return {
    code: 'query.undeclared',
    detail: `\`${place.field}\` is read out of every device's document, which is slow`,
    hint: `muster index add ${place.field} --type text`,
    ...place,
  }
}

function tooSlow(place: Place): Warning {
  return {
    code: 'query.too_slow',
    detail: `no index helps \`${place.field}\` here: every device is read`,
    ...place,
  }
}

const neverAbsent = ({ field: { source } }: Test): boolean =>
  source.kind === 'flag' ||
  (source.kind === 'column' && source.absent === undefined && source.nullable === undefined)

/** The tests whose negation counts, by which devices without the field match. */
function negativeTests(query: Query, positive: boolean): Test[] {
  if (query.kind === 'all') return []
  if (query.kind === 'not') return negativeTests(query.of, !positive)
  if (query.kind !== 'test') return query.of.flatMap((part) => negativeTests(part, positive))
  const negative = positive === query.negated
  return negative && query.operator !== 'exists' && !neverAbsent(query) ? [query] : []
}

function absentMatches(query: Query, test: Test, place: Place): AbsentMatches {
  const missing: Test = { ...test, operator: 'exists', negated: true, values: [] }
  return {
    lacking: { kind: 'and', of: [query, missing] },
    warning: (count, capped) => ({
      code: 'query.absent_matches',
      detail: `${capped ? 'at least ' : ''}${count} of the matches have no \`${place.field}\``,
      hint: `to leave them out, add: ${place.field} exists and …`,
      ...place,
    }),
  }
}

/** Checks the text of a query of any subject. */
export function checkText(text: string, catalogue: Catalogue): Check {
  const located = parseLocated(text, catalogue)
  const { query, spans } = located
  const documents = [...spans.keys()].filter((test) => test.field.source.kind === 'document')
  return {
    query,
    text: printQuery(query),
    warnings: [
      ...documents.map((test) => undeclared(placeOf(text, located, test))),
      ...unindexedTests(query).map((test) => tooSlow(placeOf(text, located, test))),
    ],
    absent: negativeTests(query, true).map((test) =>
      absentMatches(query, test, placeOf(text, located, test)),
    ),
  }
}

/** Checks a query over devices: throws what `parseQuery` throws, else warns. */
export function checkQuery(text: string, fields: readonly DeclaredField[]): Check {
  return checkText(text, deviceCatalogue(fields))
}
