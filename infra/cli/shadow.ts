import { parseItem, path, type Api, type Item, type Json } from './api/client.ts'
import { member, textOf } from './columns.ts'
import { DETACH, runBulk } from './bulk.ts'
import { UsageError, type Input, type Noun, type Option } from './command/command.ts'
import { confirm, EXPECT, YES } from './confirm.ts'
import { EXIT } from './exit.ts'
import { documentOf } from './fields.ts'
import { printDone, printItem, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import { table } from './terminal/table.ts'
import { relative } from './terminal/moment.ts'
import { QUERY, subListCommand, type SessionCommand } from './verbs.ts'
import { watch } from './watch.ts'

const NAME: Option = { name: 'name', value: 'NAME', summary: 'a named shadow, not the classic one' }
const DEVICE = { name: 'ID', complete: 'device' } as const

const SHADOWS: ListShape = {
  id: (item) => textOf(item['name']),
  columns: [
    { head: 'NAME', from: (item) => item['name'] ?? '(classic)' },
    { head: 'VERSION', from: 'version' },
    { head: 'DIFFERING', from: 'differing' },
    { head: 'UPDATED', from: 'updated_at', kind: 'time' },
    { head: 'LIGHTWEIGHT', from: 'lightweight', kind: 'flag', wide: true },
  ],
}

const HISTORY: ListShape = {
  id: (item) => String(item['version']),
  columns: [
    { head: 'VERSION', from: 'version' },
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'ACTOR', from: 'actor' },
    { head: 'KIND', from: 'kind' },
    { head: 'REQUEST', from: 'request' },
  ],
}

function shadowPath(input: Input): string {
  const name = input.text('name')
  const of = `devices/${path(input.argument(0))}/shadow`
  return name === undefined ? of : `${of}/name/${path(name)}`
}

/** The document as the server wrote it: numbers keep their digits. */
async function printDocument(session: Session, api: Api, of: string): Promise<void> {
  const people = session.format === 'table' || session.format === 'wide'
  const text = await api.text(of)
  if (people) printItem(session, parseItem(text))
  else session.out.write(`${text}\n`)
}

const get: SessionCommand = {
  path: ['shadow', 'get'],
  summary: 'shows desired and reported state, and their delta',
  arguments: [DEVICE],
  options: [NAME],
  run: async (session, input) => printDocument(session, await session.api(), shadowPath(input)),
}

async function setByQuery(session: Session, input: Input, query: string): Promise<number> {
  const desired: Json = documentOf(input.arguments, input.command)
  const change = { state: { desired }, name: input.text('name') }
  if (input.flag('if-version')) throw new UsageError('--if-version is of one device', input.command)
  return runBulk(session, input, { path: 'bulk/shadows', query, change, what: 'shadow set' })
}

const set: SessionCommand = {
  path: ['shadow', 'set'],
  summary: 'changes desired state, of one device or by query; null takes a key away',
  arguments: [
    { ...DEVICE, name: 'ID|KEY=VALUE' },
    { name: 'KEY=VALUE', many: true, optional: true },
  ],
  options: [
    NAME,
    { name: 'if-version', value: 'N', summary: 'only if this version is the current one' },
    QUERY,
    YES,
    EXPECT,
    DETACH,
  ],
  run: async (session, input) => {
    const query = input.text('query')
    if (query !== undefined) return setByQuery(session, input, query)
    const pairs = input.arguments.slice(1)
    if (pairs.length === 0) throw new UsageError('KEY=VALUE is missing', input.command)
    const desired: Json = documentOf(pairs, input.command)
    const body = { state: { desired }, version: input.integer('if-version') }
    const item = await (await session.api()).json('PATCH', shadowPath(input), { body })
    printDone(session, `shadow of ${input.argument(0)}: version ${String(item['version'])}`, item)
    return EXIT.ok
  },
}

interface Leaf {
  readonly name: string
  readonly reported: string
  readonly desired: string
}

const isObject = (value: unknown): value is Item =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) !== null
const shown = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value))

/** The leaves of the delta, with what each side says. */
function leaves(delta: unknown, item: Item, before: readonly string[] = []): Leaf[] {
  if (!isObject(delta)) {
    const at = before.join('.')
    const reported = member(item, `state.reported.${at}`)
    return [{ name: at, reported: shown(reported), desired: shown(delta) }]
  }
  return Object.entries(delta).flatMap(([key, value]) => leaves(value, item, [...before, key]))
}

function printDiff(session: Session, id: string, item: Item): void {
  const delta = member(item, 'state.delta')
  const rows = isObject(delta) ? leaves(delta, item) : []
  const at = new Date(Number(item['timestamp']) * 1000).toISOString()
  const when = session.out.isTTY ? relative(at, session.now()) : at
  const told = rows.length === 0 ? 'nothing differs' : `${rows.length} differ`
  session.out.write(`${id} version ${String(item['version'])}, ${when}: ${told}\n`)
  if (rows.length === 0) return
  const cells = rows.map(({ name, reported, desired }) => [name, reported, desired])
  session.out.write(table(['LEAF', 'REPORTED', 'DESIRED'], cells))
}

async function drawDiff(session: Session, input: Input): Promise<boolean> {
  const { item } = await (await session.api()).get(shadowPath(input))
  const people = session.format === 'table' || session.format === 'wide'
  if (people) printDiff(session, input.argument(0), item)
  else printItem(session, item)
  return false
}

const remove: SessionCommand = {
  path: ['shadow', 'delete'],
  summary: 'deletes one; its version counts on',
  arguments: [DEVICE],
  options: [NAME, YES],
  run: async (session, input) => {
    await confirm(session, input, `delete the shadow of ${input.argument(0)}`)
    const item = await (await session.api()).delete(shadowPath(input))
    printDone(session, `shadow of ${input.argument(0)}: deleted`, item)
  },
}

export const shadowNoun: Noun = {
  name: 'shadow',
  summary: 'Shadows: what a device should be, and what it says that it is.',
  examples: ['muster shadow set gw-00017 interval=30', 'muster shadow diff gw-00017'],
}

export const shadowCommands: readonly SessionCommand[] = [
  get,
  set,
  {
    path: ['shadow', 'diff'],
    summary: 'what is reported otherwise than desired',
    arguments: [DEVICE],
    options: [NAME],
    run: async (session, input) => void (await drawDiff(session, input)),
  },
  {
    path: ['shadow', 'watch'],
    summary: 'shows the difference again whenever it changes',
    arguments: [DEVICE],
    options: [NAME],
    run: (session, input) => watch(session, [], () => drawDiff(session, input)),
  },
  subListCommand(['shadow', 'history'], 'what changed it, newest first', HISTORY, {
    arguments: [DEVICE],
    options: [NAME],
    path: (input) => `${shadowPath(input)}/history`,
  }),
  remove,
  subListCommand(['shadow', 'list'], 'lists the shadows of a device', SHADOWS, {
    arguments: [DEVICE],
    path: (input) => `devices/${path(input.argument(0))}/shadows`,
  }),
]
