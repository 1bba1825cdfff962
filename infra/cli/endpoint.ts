import type { Json } from './api/client.ts'
import { textOf } from './columns.ts'
import { UsageError, type Input, type Noun, type Option } from './command/command.ts'
import { fields } from './fields.ts'
import { printDone, printItem } from './output.ts'
import { deleteCommand, edit, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

interface Host {
  readonly host?: unknown
  readonly port?: unknown
}

function hostsOf(value: unknown): string {
  const hosts: readonly Host[] = Array.isArray(value) ? value : []
  return hosts.map(({ host, port }) => `${textOf(host)}:${textOf(port)}`).join(' ')
}

export const ENDPOINTS: Resource = {
  noun: 'endpoint',
  path: 'endpoints',
  argument: 'NAME',
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'HOSTS', from: (item) => hostsOf(item['hosts']) },
    { head: 'REGION', from: 'region' },
    { head: 'PRIORITY', from: 'priority' },
  ],
}

const FACTS: readonly Option[] = [
  {
    name: 'host',
    value: 'HOST:PORT',
    many: true,
    summary: 'where devices reach it; again for more',
  },
  { name: 'region', value: 'NAME', summary: 'where it is' },
  { name: 'priority', value: 'N', summary: 'the lowest is what new devices get' },
]

function facts(input: Input): Record<string, Json | undefined> {
  const hosts = input.texts('host').map((text) => {
    const [, host = '', port = ''] = /^\[?(.+?)\]?:([0-9]{1,5})$/.exec(text) ?? []
    if (host === '') throw new UsageError(`${text} is not HOST:PORT`, input.command)
    return { host, port: Number(port) }
  })
  return {
    hosts: hosts.length > 0 ? hosts : undefined,
    region: input.text('region'),
    priority: input.integer('priority'),
  }
}

const create: SessionCommand = {
  path: ['endpoint', 'create'],
  summary: 'adds a broker',
  arguments: [{ name: 'NAME' }],
  options: FACTS,
  run: async (session, input) => {
    input.required('host')
    const item = await (
      await session.api()
    ).post('endpoints', { name: input.argument(0), ...facts(input) })
    printDone(session, `endpoint ${input.argument(0)}: added`, item, ENDPOINTS)
  },
}

const change: SessionCommand = {
  path: ['endpoint', 'edit'],
  summary: 'changes a broker; devices learn of it when they enrol or renew',
  arguments: [{ name: 'NAME', complete: 'endpoint' }],
  options: FACTS,
  run: async (session, input) => {
    const said = fields(facts(input), input.command)
    printItem(session, await edit(session, ENDPOINTS, input.argument(0), () => said), ENDPOINTS)
  },
}

export const endpointNoun: Noun = {
  name: 'endpoint',
  summary: 'Endpoints: the brokers that devices are sent to.',
  examples: ['muster endpoint create eu --host mqtt.example:8883'],
}

export const endpointCommands: readonly SessionCommand[] = [
  listCommand(ENDPOINTS),
  showCommand(ENDPOINTS),
  create,
  change,
  deleteCommand(ENDPOINTS, 'delete', 'removes brokers that no device belongs to'),
]
