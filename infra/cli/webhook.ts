import { path } from './api/client.ts'
import type { Input, Noun, Option } from './command/command.ts'
import { EXIT } from './exit.ts'
import { fields } from './fields.ts'
import { printDone, printItem, type ListShape } from './output.ts'
import { printSecret } from './secret.ts'
import { deleteCommand, edit, listCommand, oneOf, showCommand, subListCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const WEBHOOKS: Resource = {
  noun: 'webhook',
  path: 'webhooks',
  argument: 'ID',
  id: (item) => String(item['id']),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'URL', from: 'url' },
    {
      head: 'STATE',
      from: (item) => (item['enabled'] === true ? 'enabled' : 'disabled'),
      kind: 'state',
    },
    { head: 'KINDS', from: 'kinds' },
    { head: 'WAITING', from: 'waiting', kind: 'count' },
    { head: 'ROTATING', from: 'rotating', kind: 'flag', wide: true },
  ],
}

const DELIVERIES: ListShape = {
  id: (item) => String(item['event_id']),
  columns: [
    { head: 'EVENT', from: 'event_id' },
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'ATTEMPTS', from: 'attempts', kind: 'count' },
    { head: 'NEXT', from: 'next_at', kind: 'time' },
    { head: 'ENDS', from: 'expires_at', kind: 'time' },
  ],
}

const KIND: Option = {
  name: 'kind',
  value: 'KIND',
  many: true,
  summary: 'only these events: rollout, device.suspended; again for more',
}

const kindsOf = (input: Input): readonly string[] | undefined =>
  input.flag('kind') ? input.texts('kind') : undefined

const create: SessionCommand = {
  path: ['webhook', 'create'],
  summary: 'sends events to a URL from now on (Standard Webhooks)',
  arguments: [{ name: 'URL' }],
  options: [KIND],
  run: async (session, input) => {
    const body = { url: input.argument(0), kinds: kindsOf(input) }
    printSecret(session, await (await session.api()).post('webhooks', body), WEBHOOKS)
  },
}

function enabledOf(input: Input): boolean | undefined {
  if (input.flag('enable')) return true
  return input.flag('disable') ? false : undefined
}

const change: SessionCommand = {
  path: ['webhook', 'edit'],
  summary: 'changes it, or its secret: both sign until the old one is forgotten',
  arguments: [oneOf(WEBHOOKS)],
  options: [
    { name: 'url', value: 'URL', summary: 'where events are sent' },
    KIND,
    { name: 'enable', summary: 'sends again' },
    { name: 'disable', summary: 'sends no more until it is enabled' },
    { name: 'rotate-secret', summary: 'makes a new secret, told once' },
    { name: 'forget-old-secret', summary: 'signs by the new one alone' },
  ],
  run: async (session, input) => {
    const said = fields(
      {
        url: input.text('url'),
        kinds: kindsOf(input),
        enabled: enabledOf(input),
        rotate_secret: input.flag('rotate-secret') || undefined,
        forget_old_secret: input.flag('forget-old-secret') || undefined,
      },
      input.command,
    )
    printSecret(session, await edit(session, WEBHOOKS, input.argument(0), () => said), WEBHOOKS)
  },
}

const test: SessionCommand = {
  path: ['webhook', 'test'],
  summary: 'sends an event of no consequence and says what came of it; exit 1 when nothing did',
  arguments: [oneOf(WEBHOOKS)],
  run: async (session, input) => {
    const api = await session.api()
    const item = await api.post(`webhooks/${path(input.argument(0))}/test`)
    printItem(session, item)
    return item['delivered'] === true ? EXIT.ok : EXIT.refused
  },
}

const redeliver: SessionCommand = {
  path: ['webhook', 'redeliver'],
  summary: 'tries all that failed now',
  arguments: [oneOf(WEBHOOKS)],
  run: async (session, input) => {
    const api = await session.api()
    const item = await api.post(`webhooks/${path(input.argument(0))}/redeliver`)
    printDone(
      session,
      `webhook ${input.argument(0)}: ${String(item['deliveries'])} tried again`,
      item,
    )
  },
}

export const webhookNoun: Noun = {
  name: 'webhook',
  summary: 'Webhooks: events, sent to a URL and signed.',
  examples: ['muster webhook create https://ops.example/hook --kind certificate --kind rollout'],
}

export const webhookCommands: readonly SessionCommand[] = [
  listCommand(WEBHOOKS),
  showCommand(WEBHOOKS),
  create,
  change,
  deleteCommand(WEBHOOKS, 'delete', 'removes webhooks'),
  test,
  subListCommand(['webhook', 'deliveries'], 'lists what failed and is tried again', DELIVERIES, {
    arguments: [oneOf(WEBHOOKS)],
    path: (input) => `webhooks/${path(input.argument(0))}/deliveries`,
  }),
  redeliver,
]
