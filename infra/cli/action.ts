import { path } from './api/client.ts'
import { UsageError, type Input, type Noun } from './command/command.ts'
import { DETACH, runBulk } from './bulk.ts'
import { chosen } from './chosen.ts'
import { confirm, EXPECT, YES } from './confirm.ts'
import { EXIT } from './exit.ts'
import { printDone, printItem, printItems, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import { listCommand, QUERY, quoted, type Resource, type SessionCommand } from './verbs.ts'

export const ACTIONS: Resource = {
  noun: 'action',
  path: 'actions',
  argument: 'DEVICE/NUMBER',
  id: (item) => `${String(item['device_id'])}/${String(item['number'])}`,
  columns: [
    { head: 'DEVICE', from: 'device_id' },
    { head: 'ROLLOUT', from: 'rollout' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'REPORTED', from: 'agent_verdict' },
    { head: 'VERSION', from: 'version' },
    { head: 'FROM', from: 'from_version', wide: true },
    { head: 'SINCE', from: 'state_at', kind: 'time' },
    { head: 'NUMBER', from: 'number' },
  ],
}

const LOG: ListShape = {
  id: (item) => String(item['at']),
  columns: [
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'CODE', from: 'code' },
    { head: 'PROGRESS', from: 'progress' },
    { head: 'MESSAGES', from: 'messages' },
  ],
}

const ONE = { name: 'DEVICE/NUMBER', complete: 'action' } as const

function actionPath(input: Input, index: number): string {
  const text = input.argument(index)
  const [, device = '', number = ''] = /^(.+)\/([0-9]+)$/.exec(text) ?? []
  if (device === '') throw new UsageError(`${text} is not DEVICE/NUMBER`, input.command)
  return `actions/${path(device, number)}`
}

async function cancelNamed(session: Session, input: Input): Promise<number> {
  if (input.flag('rollout')) throw new UsageError('--rollout goes with --query', input.command)
  await confirm(session, input, `cancel action ${quoted(input.arguments)}`)
  const api = await session.api()
  for (const [index, name] of input.arguments.entries()) {
    const item = await api.post(`${actionPath(input, index)}/cancel`)
    printDone(session, `action ${name}: ${String(item['state'])}`, item, ACTIONS)
  }
  return EXIT.ok
}

const cancel: SessionCommand = {
  path: ['action', 'cancel'],
  summary: 'takes them back, while the devices have not begun to change themselves',
  arguments: [{ ...ONE, many: true, optional: true }],
  options: [
    QUERY,
    {
      name: 'rollout',
      value: 'NAME',
      complete: 'rollout',
      summary: 'by query: only of this rollout',
    },
    YES,
    EXPECT,
    DETACH,
  ],
  run: async (session, input) => {
    const which = chosen(input)
    if ('ids' in which) return cancelNamed(session, input)
    const change = { state: 'cancelled', rollout: input.text('rollout') }
    const what = 'cancel the actions of'
    return runBulk(session, input, { path: 'bulk/actions', query: which.query, change, what })
  },
}

export const actionNoun: Noun = {
  name: 'action',
  summary: 'Actions: the update of one device.',
  examples: ['muster action list --device gw-00017', 'muster action log gw-00017/71'],
}

export const actionCommands: readonly SessionCommand[] = [
  listCommand(ACTIONS, {
    options: [
      { name: 'device', value: 'ID', complete: 'device', summary: 'only of this device' },
      { name: 'rollout', value: 'NAME', complete: 'rollout', summary: 'only of this rollout' },
      { name: 'state', value: 'STATE', summary: 'only these' },
      {
        name: 'phase',
        value: 'PHASE',
        choices: ['scheduled', 'open', 'ended'],
        summary: 'only these',
      },
    ],
    parameters: (input) => ({
      device_id: input.text('device'),
      rollout: input.text('rollout'),
      state: input.text('state'),
      phase: input.text('phase'),
    }),
  }),
  {
    path: ['action', 'show'],
    summary: 'shows one',
    arguments: [ONE],
    run: async (session, input) => {
      const { item } = await (await session.api()).get(actionPath(input, 0))
      printItem(session, item, ACTIONS)
    },
  },
  {
    path: ['action', 'log'],
    summary: 'what the device said of it',
    arguments: [ONE],
    run: async (session, input) => {
      const { items } = await (await session.api()).page(`${actionPath(input, 0)}/log`)
      printItems(session, LOG, items)
    },
  },
  cancel,
]
