import type { Source } from './catalogue.ts'
import { comparison, type Columns } from './comparison.ts'
import type { Scope } from './parameters.ts'
import { hasPrefix } from './pattern.ts'
import { textOf, type Test, type Value } from './query.ts'

type RowSource = Exclude<Source, { kind: 'column' }>

/** What stands after `exists (select from`, without the page's key. */
interface Rows {
  readonly from: string
  readonly where: string
  /** The device that a row belongs to; absent where `from` is correlated itself. */
  readonly device?: string
}

/** chr(1) is kept for a value that cannot be compared: it exists and equals nothing; only a pattern that begins wild could meet it. */
const SEALED = 'chr(1)'

/** A test of values in other tables: it holds if one of them does, its negation if none does. */
export function rowsPredicate(
  test: Test,
  source: RowSource,
  positive: boolean,
  scope: Scope,
): string {
  if (source.kind === 'flag' && test.operator === 'exists') return String(positive)
  const wanted = source.kind === 'flag' ? test.values[0] !== false : true
  const { from, where, device } = rows(test, source, scope)
  const link = device === undefined ? 'true' : `${device} = d.device_id`
  const page =
    device === undefined || scope.after === undefined ? '' : ` and ${device} > ${scope.after}`
  const exists = `exists (select from ${from} where ${link}${where}${page})`
  return positive === wanted ? exists : `not ${exists}`
}

function rows(test: Test, source: RowSource, scope: Scope): Rows {
  switch (source.kind) {
    case 'presence':
      return {
        from: 'device_presence f',
        device: 'f.device_id',
        where: condition(test, { text: '', time: `f.${source.column}` }, scope),
      }
    case 'flag':
      return { from: 'device_presence f', device: 'f.device_id', where: ` and f.${source.column}` }
    case 'fact':
      return factRows(test, source.field, scope)
    case 'document':
      return documentRows(test, source.key, scope)
    case 'group':
      return groupRows(test, scope)
    case 'rollout':
      return rolloutRows(test, source.rollout, scope)
    case 'action':
      return actionRows(test, source.column, scope)
  }
}

function condition(test: Test, columns: Columns, scope: Scope): string {
  return test.operator === 'exists' ? '' : ` and ${comparison(test, columns, scope)}`
}

function sealed({ operator, values }: Test, text: string): string {
  return operator === 'like' && !hasPrefix(textOf(values[0])) ? ` and ${text} <> ${SEALED}` : ''
}

function factRows(test: Test, field: number, scope: Scope): Rows {
  const columns = { text: 'f.t', number: 'f.n', key: 'f.v' }
  const named = ` and f.field = ${scope.parameters.bind(field, 'int')}`
  return {
    from: 'device_facts f',
    device: 'f.device_id',
    where: `${named}${condition(test, columns, scope)}${sealed(test, 'f.t')}`,
  }
}

// What jsonb refuses (U+0000, half a character) becomes U+FFFD; an array's members count each; null is no value.
const DOCUMENT = String.raw`regexp_replace(f.document, '\\u(0000|d[89a-f][0-9a-f]{2})', '\ufffd', 'gi')::jsonb`
const MEMBERS = `jsonb_array_elements(case jsonb_typeof(v.value) when 'array' then v.value else jsonb_build_array(v.value) end)`
const TEXT = `case when jsonb_typeof(m.value) in ('object', 'array') or octet_length(m.value #>> '{}') > 1024 then ${SEALED} else m.value #>> '{}' end`

function documentRows(test: Test, key: string, scope: Scope): Rows {
  const value = `(${DOCUMENT}) -> ${scope.parameters.bind(key, 'text')}`
  const members = `cross join lateral (select ${value} as value) v cross join lateral ${MEMBERS} m(value)`
  return {
    from: `device_attributes f ${members} cross join lateral (select ${TEXT} as t) x`,
    device: 'f.device_id',
    where: ` and v.value is not null and jsonb_typeof(m.value) <> 'null'${condition(test, { text: 'x.t' }, scope)}${sealed(test, 'x.t')}`,
  }
}

function groupRows(test: Test, scope: Scope): Rows {
  const named = `select group_id from groups g where ${comparison(test, { text: 'g.name' }, scope)}`
  const one = `(${named})`
  const wanted = test.operator === '=' ? one : `any(array${one})`
  return {
    from: 'group_members f',
    device: 'f.device_id',
    where: test.operator === 'exists' ? '' : ` and f.group_id = ${wanted}`,
  }
}

const ENDED = new Set<Value>(['succeeded', 'failed', 'cancelled', 'rejected', 'timed_out'])

/** The phases of these states; the indexes of `actions` are by phase, not by state. */
function phases(values: readonly Value[]): string {
  const all = values.map((value) => {
    if (value === 'scheduled') return 'scheduled'
    return ENDED.has(value) ? 'ended' : 'open'
  })
  return [...new Set(all)].map((phase) => `'${phase}'`).join(', ')
}

function rolloutRows(test: Test, rollout: string, scope: Scope): Rows {
  const { parameters } = scope
  const id = /^[0-9]+$/.test(rollout)
    ? parameters.bind(rollout, 'int')
    : `(select rollout_id from rollouts where name = ${parameters.bind(rollout, 'text')})`
  const phase = test.operator === 'exists' ? '' : ` and f.phase in (${phases(test.values)})`
  const state = condition(test, { text: 'f.state' }, scope)
  return {
    from: 'actions f',
    device: 'f.device_id',
    where: ` and f.rollout_id = ${id}${phase}${state}`,
  }
}

const NEWEST =
  '(select a.state, a.release_id from actions a where a.device_id = d.device_id order by a.number desc limit 1) f'

function actionRows(test: Test, column: 'state' | 'release', scope: Scope): Rows {
  if (column === 'state')
    return { from: NEWEST, where: condition(test, { text: 'f.state' }, scope) }
  const from = `${NEWEST} join releases r on r.release_id = f.release_id`
  return { from, where: condition(test, { text: 'r.name' }, scope) }
}
