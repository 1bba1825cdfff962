import { followEvents } from './api/event-stream.ts'
import { parseItem, type Item, type Parameters } from './api/client.ts'
import { textOf } from './columns.ts'
import type { Input, Noun, Option } from './command/command.ts'
import type { ListShape } from './output.ts'
import type { Session } from './session.ts'
import { plain } from './terminal/text.ts'
import { subListCommand, type SessionCommand } from './verbs.ts'
import { EVENTS_PATH, newestEvent } from './watch.ts'

export const EVENTS: ListShape = {
  id: (item) => String(item['id']),
  columns: [
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'KIND', from: 'kind' },
    { head: 'DEVICE', from: 'device_id' },
    { head: 'DATA', from: (item) => summary(item['data']) },
    { head: 'ID', from: 'id', wide: true },
  ],
}

/** `name=winter, version=2.5.0` */
function summary(data: unknown): string {
  if (typeof data !== 'object' || data === null) return textOf(data)
  const entries = Object.entries(data).filter(([, value]) => value !== null)
  return entries.map(([name, value]) => `${name}=${textOf(value)}`).join(', ')
}

const FILTERS: readonly Option[] = [
  { name: 'kind', value: 'KIND', summary: 'only these: device.suspended, or device for all of it' },
  { name: 'device', value: 'ID', complete: 'device', summary: 'only of this device' },
]

function filters(input: Input): Parameters {
  return { kind: input.text('kind'), device_id: input.text('device') }
}

function holds(input: Input, item: Item): boolean {
  const kind = input.text('kind')
  const device = input.text('device')
  const found = textOf(item['kind'])
  const ofKind = kind === undefined || found === kind || found.startsWith(`${kind}.`)
  return ofKind && (device === undefined || item['device_id'] === device)
}

/** One line an event, as they come. */
async function watchEvents(session: Session, input: Input): Promise<void> {
  const { out, signal, format } = session
  const people = format === 'table' || format === 'wide'
  const after = await newestEvent(session)
  const events = followEvents(await session.transport(), EVENTS_PATH, signal, after)
  for await (const { data } of events) {
    const item = parseItem(data)
    if (!holds(input, item)) continue
    const cells = [item['at'], item['kind'], item['device_id'] ?? '', summary(item['data'])]
    const line = people
      ? cells
          .map((cell) => plain(textOf(cell)))
          .join('  ')
          .trimEnd()
      : data
    out.write(`${line}\n`)
  }
}

export const eventNoun: Noun = {
  name: 'event',
  summary: 'Events: what happened, newest first, or as it happens.',
  examples: ['muster event watch --kind rollout', 'muster event list --device gw-00017'],
}

export const eventCommands: readonly SessionCommand[] = [
  subListCommand(['event', 'list'], 'lists them, newest first', EVENTS, {
    options: FILTERS,
    path: () => 'events',
    parameters: filters,
  }),
  {
    path: ['event', 'watch'],
    summary: 'prints them as they come',
    options: FILTERS,
    run: watchEvents,
  },
]
