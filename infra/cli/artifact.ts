import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { path } from './api/client.ts'
import { uploadCommand } from './artifact-upload.ts'
import type { Noun } from './command/command.ts'
import { printDone } from './output.ts'
import { startProgress } from './terminal/progress.ts'
import { bytes } from './terminal/text.ts'
import { deleteCommand, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const ARTIFACTS: Resource = {
  noun: 'artifact',
  path: 'artifacts',
  argument: 'ID',
  events: ['artifact'],
  id: (item) => String(item['id']),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'NAME', from: 'name' },
    { head: 'FORMAT', from: 'format' },
    { head: 'VERSION', from: 'version' },
    { head: 'HARDWARE', from: 'hardware_revs' },
    { head: 'SIZE', from: 'bytes', kind: 'bytes' },
    { head: 'SIGNED-BY', from: 'signed_by' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'SHA256', from: 'sha256', wide: true },
  ],
}

const download: SessionCommand = {
  path: ['artifact', 'download'],
  summary: 'fetches the file of an artifact',
  arguments: [
    { name: 'ID', complete: 'artifact' },
    { name: 'FILE', optional: true, complete: 'file' },
  ],
  run: async (session, input) => {
    const api = await session.api()
    const of = `artifacts/${path(input.argument(0))}`
    const { item } = await api.get(of)
    const file = input.arguments[1] ?? String(item['name'])
    // wx: an existing file is not overwritten.
    const handle = await open(file, 'wx')
    let got = 0
    const progress = startProgress(session.err, file, Number(item['bytes']))
    try {
      const { body } = await api.send('GET', `${of}/content`, { headers: { accept: '*/*' } })
      body.on('data', (chunk: Buffer) => progress.set((got += chunk.length)))
      await pipeline(body, handle.createWriteStream())
    } catch (error) {
      await handle.close().catch(() => undefined)
      await rm(file, { force: true })
      throw error
    }
    progress.end()
    printDone(session, `${file}: ${bytes(got)}`, item, ARTIFACTS)
  },
}

export const artifactNoun: Noun = {
  name: 'artifact',
  summary: 'Artifacts: firmware files, checked and signed.',
  examples: ['muster artifact upload gw-2.5.0.img --version 2.5.0 --signature gw-2.5.0.sig'],
}

export const artifactCommands: readonly SessionCommand[] = [
  listCommand(ARTIFACTS),
  showCommand(ARTIFACTS),
  uploadCommand,
  download,
  deleteCommand(ARTIFACTS, 'delete', 'removes artifacts that no release has'),
]
