import { columnPredicate } from './column-predicate.ts'
import { Parameters, type Scope } from './parameters.ts'
import type { Query, Test } from './query.ts'
import { rowsPredicate } from './rows-predicate.ts'

/** Sent by `db.unnamed(label, text, values)`: by name, generic plans took 257 ms against 0.8. */
export interface Compiled {
  readonly label: 'fleet_page' | 'fleet_count' | 'fleet_count_capped' | 'fleet_select'
  readonly text: string
  readonly values: readonly unknown[]
}

export interface SelectOptions {
  readonly now: Date
  /** The last device of the slice before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** One indexed key, then the device's id; null sorts as before all times. */
const SORT_KEYS = {
  cert_expires: 'd.cert_expires',
  last_seen: `coalesce(p.last_seen, '-infinity')`,
  provisioned_at: `coalesce(d.provisioned_at, '-infinity')`,
} as const
export type SortKey = 'device_id' | keyof typeof SORT_KEYS
export const SORTS: readonly SortKey[] = [
  'device_id',
  'cert_expires',
  'last_seen',
  'provisioned_at',
]

export interface PageOptions {
  readonly now: Date
  readonly limit: number
  readonly sort?: SortKey
  readonly descending?: boolean
  /** The last row of the page before: `sort_value` as it was answered, undefined with `device_id`. */
  readonly after?:
    | { readonly deviceId: string; readonly sortValue?: string | undefined }
    | undefined
}

/** A row of `fleet_page`; the time is exact text, for the cursor. */
export interface PageRow {
  readonly device_id: string
  readonly sort_value: string | null
}

function testPredicate(test: Test, positive: boolean, scope: Scope): string {
  const { source } = test.field
  return source.kind === 'column'
    ? columnPredicate(test, source, positive, scope)
    : rowsPredicate(test, source, positive, scope)
}

/** Negation is pushed down to the tests, where it is the exact complement. */
function predicate(query: Query, positive: boolean, scope: Scope): string {
  if (query.kind === 'all') return String(positive)
  if (query.kind === 'not') return predicate(query.of, !positive, scope)
  if (query.kind === 'test') return testPredicate(query, positive !== query.negated, scope)
  const word = (query.kind === 'and') === positive ? ' and ' : ' or '
  return `(${query.of.map((part) => predicate(part, positive, scope)).join(word)})`
}

/** Devices in order of their id: slices of frozen selections, samples. Rows: `device_id`. */
export function compileSelect(query: Query, options: SelectOptions): Compiled {
  return byId('fleet_select', query, options, 'asc')
}

function byId(
  label: 'fleet_page' | 'fleet_select',
  query: Query,
  { now, after, limit }: SelectOptions,
  direction: 'asc' | 'desc',
): Compiled {
  const parameters = new Parameters()
  const key = after === undefined ? undefined : parameters.bind(after, 'text')
  // Downwards the key inside `exists` would have to turn round too; pages backwards are rare, the outer key alone serves them.
  const scope = { parameters, now, after: direction === 'asc' ? key : undefined }
  const sign = direction === 'asc' ? '>' : '<'
  const page = key === undefined ? '' : ` and d.device_id ${sign} ${key}`
  const value = label === 'fleet_page' ? ', null::text as sort_value' : ''
  const text =
    `select d.device_id${value} from devices d where ${predicate(query, true, scope)}${page}` +
    ` order by d.device_id ${direction} limit ${parameters.bind(limit, 'int')}`
  return { label, text, values: parameters.values }
}

/** One page of devices. Rows: `PageRow`. */
export function compilePage(query: Query, options: PageOptions): Compiled {
  const { sort = 'device_id', descending = false, now, limit, after } = options
  const direction = descending ? 'desc' : 'asc'
  if (sort === 'device_id') {
    return byId('fleet_page', query, { now, limit, after: after?.deviceId }, direction)
  }
  const parameters = new Parameters()
  const scope = { parameters, now, after: undefined }
  const key = SORT_KEYS[sort]
  const join =
    sort === 'last_seen' ? ' left join device_presence p on p.device_id = d.device_id' : ''
  let page = ''
  if (after !== undefined) {
    const value = parameters.bind(after.sortValue ?? '-infinity', 'timestamptz')
    const id = parameters.bind(after.deviceId, 'text')
    page = ` and (${key}, d.device_id) ${descending ? '<' : '>'} (${value}, ${id})`
  }
  const text =
    `select d.device_id, (${key})::text as sort_value from devices d${join}` +
    ` where ${predicate(query, true, scope)}${page}` +
    ` order by ${key} ${direction}, d.device_id ${direction} limit ${parameters.bind(limit, 'int')}`
  return { label: 'fleet_page', text, values: parameters.values }
}

/** How many devices; with `cap`, at most so many are counted. Rows: `count` (bigint). */
export function compileCount(query: Query, options: { now: Date; cap?: number }): Compiled {
  const parameters = new Parameters()
  const scope = { parameters, now: options.now, after: undefined }
  const from = `from devices d where ${predicate(query, true, scope)}`
  if (options.cap === undefined) {
    const text = `select count(*) as count ${from}`
    return { label: 'fleet_count', text, values: parameters.values }
  }
  const cap = parameters.bind(options.cap, 'int')
  const text = `select count(*) as count from (select ${from} limit ${cap}) c`
  return { label: 'fleet_count_capped', text, values: parameters.values }
}
