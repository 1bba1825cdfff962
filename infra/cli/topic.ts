import type { Noun } from './command/command.ts'
import { printDone } from './output.ts'
import { deleteCommand, listCommand, type Resource, type SessionCommand } from './verbs.ts'

export const TOPICS: Resource = {
  noun: 'topic',
  path: 'topics',
  argument: 'FILTER',
  id: (item) => String(item['filter']),
  columns: [
    { head: 'FILTER', from: 'filter' },
    { head: 'DEVICE', from: 'device' },
    { head: 'CREATED', from: 'created_at', kind: 'time', wide: true },
  ],
}

const add: SessionCommand = {
  path: ['topic', 'add'],
  summary: 'lets devices use a topic of your own; {id} stands for the own id',
  arguments: [{ name: 'FILTER' }],
  options: [
    {
      name: 'device',
      value: 'USE',
      choices: ['publish', 'subscribe', 'both'],
      summary: 'what devices may do',
    },
  ],
  run: async (session, input) => {
    const body = { filter: input.argument(0), device: input.required('device') }
    const item = await (await session.api()).post('topics', body)
    printDone(session, `topic ${input.argument(0)}: devices may ${body.device}`, item, TOPICS)
  },
}

export const topicNoun: Noun = {
  name: 'topic',
  summary: "Topics: the operator's own, beside those of Muster.",
  examples: ["muster topic add 'telemetry/{id}/#' --device publish"],
}

export const topicCommands: readonly SessionCommand[] = [
  add,
  listCommand(TOPICS),
  deleteCommand(TOPICS, 'remove', 'takes topics from devices'),
]
