import { path, type Json } from './api/client.ts'
import { pages } from './api/pages.ts'
import { DETACH, runBulk } from './bulk.ts'
import { chosen } from './chosen.ts'
import { UsageError, type Input, type Noun, type Option } from './command/command.ts'
import { confirm, EXPECT, YES } from './confirm.ts'
import { EVENTS } from './event.ts'
import { EXIT } from './exit.ts'
import { fields, labels } from './fields.ts'
import { listPrinter, printDone, printItem } from './output.ts'
import type { Session } from './session.ts'
import {
  deleteCommand,
  edit,
  listCommand,
  QUERY,
  quoted,
  severalOf,
  showCommand,
  subListCommand,
} from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const DEVICES: Resource = {
  noun: 'device',
  path: 'devices',
  argument: 'ID',
  events: ['device', 'certificate'],
  id: (item) => String(item['device_id']),
  columns: [
    { head: 'DEVICE', from: 'device_id' },
    { head: 'HARDWARE', from: 'hardware_rev' },
    { head: 'FIRMWARE', from: 'firmware_ver' },
    { head: 'STATUS', from: 'status', kind: 'state' },
    { head: 'CONN', from: 'connected', kind: 'flag' },
    { head: 'LAST-SEEN', from: 'last_seen', kind: 'time' },
    { head: 'CERT-EXPIRES', from: 'cert_expires', kind: 'time' },
    { head: 'GROUPS', from: 'groups', wide: true },
    { head: 'ENDPOINT', from: 'broker_endpoint', wide: true },
  ],
}

const FACTS: readonly Option[] = [
  { name: 'hardware', value: 'REV', summary: 'hardware revision' },
  { name: 'endpoint', value: 'NAME', complete: 'endpoint', summary: 'broker endpoint' },
  {
    name: 'group',
    value: 'NAME',
    many: true,
    complete: 'group',
    summary: 'a group; again for more',
  },
  { name: 'attribute', value: 'KEY=VALUE', many: true, summary: 'an attribute; again for more' },
]

function facts(input: Input): Record<string, Json | undefined> {
  const groups = input.texts('group')
  const attributes = input.texts('attribute')
  return {
    hardware_rev: input.text('hardware'),
    broker_endpoint: input.text('endpoint'),
    groups: groups.length > 0 ? groups : undefined,
    attributes: attributes.length > 0 ? labels(attributes, input.command) : undefined,
  }
}

const create: SessionCommand = {
  path: ['device', 'create'],
  summary: 'registers a device before it comes, and lets it in',
  arguments: [{ name: 'ID' }],
  options: [...FACTS, { name: 'not-allowed', summary: 'without an entry of the allowlist' }],
  run: async (session, input) => {
    const body = {
      device_id: input.argument(0),
      ...facts(input),
      preauthorize: !input.flag('not-allowed'),
    }
    const item = await (await session.api()).post('devices', body)
    printDone(session, `device ${input.argument(0)}: registered`, item, DEVICES)
  },
}

/** By query only what many devices can share. */
async function editByQuery(session: Session, input: Input, query: string): Promise<number> {
  const { groups, attributes, hardware_rev: hardware, broker_endpoint: endpoint } = facts(input)
  if (hardware !== undefined) {
    throw new UsageError('by query: --attribute, --group and --endpoint only', input.command)
  }
  const add = groups === undefined ? undefined : { add: groups }
  const change = fields({ attributes, groups: add, broker_endpoint: endpoint }, input.command)
  return runBulk(session, input, { path: 'bulk/devices', query, change, what: 'edit' })
}

const change: SessionCommand = {
  path: ['device', 'edit'],
  summary: 'changes what the operator says of it, or of a selection; an empty value takes away',
  arguments: [{ name: 'ID', optional: true, complete: 'device' }],
  options: [...FACTS, QUERY, YES, EXPECT, DETACH],
  run: async (session, input) => {
    const which = chosen(input)
    if ('query' in which) return editByQuery(session, input, which.query)
    const said = fields(facts(input), input.command)
    printItem(session, await edit(session, DEVICES, input.argument(0), () => said), DEVICES)
    return EXIT.ok
  },
}

interface Move {
  readonly verb: 'suspend' | 'resume' | 'decommission'
  readonly status: string
  readonly summary: string
  readonly asks: boolean
}

async function moveNamed(
  session: Session,
  input: Input,
  ids: readonly string[],
  move: Move,
): Promise<void> {
  if (move.asks) await confirm(session, input, `${move.verb} device ${quoted(ids)}`)
  const api = await session.api()
  for (const id of ids) {
    const item = await api.post(`devices/${path(id)}/${move.verb}`)
    printDone(session, `device ${id}: ${String(item['status'])}`, item, DEVICES)
  }
}

function moveCommand(move: Move): SessionCommand {
  return {
    path: ['device', move.verb],
    summary: move.summary,
    arguments: [{ ...severalOf(DEVICES), optional: true }],
    options: [QUERY, YES, EXPECT, DETACH],
    run: async (session, input) => {
      const which = chosen(input)
      if ('ids' in which) return moveNamed(session, input, which.ids, move)
      const status = { status: move.status }
      return runBulk(session, input, {
        path: 'bulk/devices',
        query: which.query,
        change: status,
        what: move.verb,
      })
    },
  }
}

const events = subListCommand(['device', 'events'], 'what happened to it, newest first', EVENTS, {
  arguments: [{ name: 'ID', complete: 'device' }],
  path: () => 'events',
  parameters: (input) => ({ device_id: input.argument(0) }),
})

const exportAll: SessionCommand = {
  path: ['device', 'export'],
  summary: 'all devices, or those of a query, as CSV or -o ndjson',
  options: [QUERY],
  run: async (session, input) => {
    const format = session.format === 'table' ? 'csv' : session.format
    const printer = listPrinter({ ...session, format }, DEVICES)
    let last
    for await (const page of pages(
      await session.api(),
      'devices',
      { q: input.text('query') },
      undefined,
    )) {
      printer.page(page)
      last = page
    }
    printer.end(last)
  },
}

export const deviceNoun: Noun = {
  name: 'device',
  summary: 'Devices: the registry of the fleet.',
  examples: [
    `muster device list -q "firmware_ver < '2.5.0'"`,
    `muster device suspend -q "group = 'stolen'"    counts, asks, then suspends`,
  ],
}

const SORTS = ['device_id', 'last_seen', 'cert_expires', 'provisioned_at']

export const deviceCommands: readonly SessionCommand[] = [
  listCommand(DEVICES, {
    options: [
      QUERY,
      {
        name: 'sort',
        value: 'FIELD',
        choices: SORTS.flatMap((field) => [field, `-${field}`]),
        summary: 'the order',
      },
    ],
    parameters: (input) => ({ q: input.text('query'), sort: input.text('sort') }),
  }),
  showCommand(DEVICES),
  create,
  change,
  deleteCommand(DEVICES, 'delete', 'removes all that is kept of a decommissioned device'),
  moveCommand({
    verb: 'suspend',
    status: 'suspended',
    summary: 'refuses it until it is resumed',
    asks: false,
  }),
  moveCommand({
    verb: 'resume',
    status: 'active',
    summary: 'lets a suspended device go on',
    asks: false,
  }),
  moveCommand({
    verb: 'decommission',
    status: 'decommissioned',
    summary: 'ends it for good: certificates revoked, connection closed',
    asks: true,
  }),
  events,
  exportAll,
]
