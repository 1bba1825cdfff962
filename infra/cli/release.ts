import type { Item } from './api/client.ts'
import { textOf } from './columns.ts'
import type { Noun } from './command/command.ts'
import { pair } from './fields.ts'
import { printDone } from './output.ts'
import { deleteCommand, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

function artifactsOf({ artifacts }: Item): string {
  const list: readonly Item[] = Array.isArray(artifacts) ? artifacts : []
  return list
    .map((each) => `${textOf(each['hardware_rev'])}=${textOf(each['artifact_id'])}`)
    .join(' ')
}

export const RELEASES: Resource = {
  noun: 'release',
  path: 'releases',
  argument: 'NAME',
  events: ['release'],
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'VERSION', from: 'version' },
    { head: 'ARTIFACTS', from: artifactsOf },
    { head: 'CREATED', from: 'created_at', kind: 'time', wide: true },
  ],
}

const create: SessionCommand = {
  path: ['release', 'create'],
  summary: 'puts artifacts together, one for each hardware revision',
  arguments: [{ name: 'NAME' }],
  options: [
    { name: 'version', value: 'VERSION', summary: 'what a device says once it runs it' },
    {
      name: 'artifact',
      value: 'REV=ID',
      many: true,
      summary: 'the artifact of a hardware revision; again for more',
    },
  ],
  run: async (session, input) => {
    input.required('artifact')
    const artifacts = input.texts('artifact').map((text) => {
      const [rev, id] = pair(text, input.command)
      return { hardware_rev: rev, artifact_id: id }
    })
    const body = { name: input.argument(0), version: input.required('version'), artifacts }
    const item = await (await session.api()).post('releases', body)
    printDone(session, `release ${RELEASES.id(item)}: made`, item, RELEASES)
  },
}

export const releaseNoun: Noun = {
  name: 'release',
  summary: 'Releases: what a version is on each hardware.',
  examples: ['muster release create gw-2.5.0 --version 2.5.0 --artifact A=1 --artifact B=2'],
}

export const releaseCommands: readonly SessionCommand[] = [
  listCommand(RELEASES),
  showCommand(RELEASES),
  create,
  deleteCommand(RELEASES, 'delete', 'removes releases that no rollout has'),
]
