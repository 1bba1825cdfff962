import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Place, Subject } from './ca.ts'
import { UsageError, type Input, type Noun, type Option } from './command/command.ts'
import { YES } from './confirm.ts'
import { CommandError, EXIT } from './exit.ts'
import { printItems, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import type { SessionCommand } from './verbs.ts'

const FOLDER: Option = {
  name: 'data',
  value: 'FOLDER',
  complete: 'file',
  summary: 'where secrets and root-offline are; else MUSTER_DATA, else ./.muster',
}
const PASSPHRASE: Option = {
  name: 'passphrase-file',
  value: 'FILE',
  complete: 'file',
  summary: 'what the keys are encrypted with; else MUSTER_PASSPHRASE_FILE',
}

const AUTHORITIES: ListShape = {
  id: (item) => String(item['serial']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'KIND', from: 'kind' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'KEY', from: 'key' },
    { head: 'SERIAL', from: 'serial', wide: true },
  ],
}

async function placeOf(session: Session, input: Input): Promise<Place> {
  const { env } = session
  const folder = path.resolve(
    session.folder,
    input.text('data') ?? env['MUSTER_DATA'] ?? './.muster',
  )
  const file = input.text('passphrase-file') ?? env['MUSTER_PASSPHRASE_FILE']
  if (file === undefined) return { folder, passphrase: undefined }
  return { folder, passphrase: (await readFile(file, 'utf8')).replace(/[\r\n]+$/, '') }
}

// What reads and signs is loaded for these commands alone.
const files = () => import('./ca.ts')

const init: SessionCommand = {
  path: ['ca', 'init'],
  summary: 'makes all authorities: secrets to mount, and root-offline to put away',
  options: [FOLDER, PASSPHRASE],
  run: async (session, input) => {
    const place = await placeOf(session, input)
    await (await files()).initAuthorities(place, session.now())
    session.out.write(`${path.join(place.folder, 'secrets')}: mount these\n`)
    session.out.write(`${path.join(place.folder, 'root-offline')}: put this away, offline\n`)
  },
}

const show: SessionCommand = {
  path: ['ca', 'show'],
  summary: 'lists the authorities of a folder, and where their keys are',
  options: [FOLDER, PASSPHRASE],
  run: async (session, input) => {
    const place = await placeOf(session, input)
    printItems(session, AUTHORITIES, await (await files()).showAuthorities(place))
  },
}

const check: SessionCommand = {
  path: ['ca', 'check'],
  summary: 'checks certificates, keys and CRLs of a folder',
  options: [FOLDER, PASSPHRASE],
  run: async (session, input) => {
    const place = await placeOf(session, input)
    const findings = await (await files()).checkFolder(place, session.now())
    for (const { severity, text } of findings) session.out.write(`${severity}: ${text}\n`)
    if (findings.length === 0) session.out.write('nothing is wrong\n')
    return findings.some(({ severity }) => severity === 'fault') ? EXIT.refused : EXIT.ok
  },
}

const rollover: SessionCommand = {
  path: ['ca', 'rollover'],
  summary: 'puts the next issuing authority into use; running parts take it within ten seconds',
  options: [FOLDER, PASSPHRASE, YES],
  run: async (session, input) => {
    const place = await placeOf(session, input)
    await agree(session, input, `use the next issuing authority of ${place.folder}`)
    const done = await (await files()).rollOverFolder(place, session.now())
    session.out.write(`${done.active} signs from now on\n`)
    if (done.made !== undefined) session.out.write(`${done.made} was made for a later rollover\n`)
    else session.err.write('warning: without the root’s key no further authority was made\n')
  },
}

function subjectOf(input: Input): Subject {
  const [kind, first = '', ...others] = input.arguments
  if (kind === 'server') return { kind, names: [first, ...others] }
  if (others.length > 0) throw new UsageError('a service has one name', input.command)
  return { kind: 'service', name: first }
}

const issue: SessionCommand = {
  path: ['ca', 'issue'],
  summary: 'issues a certificate for a part that runs apart: FILE.pem, FILE.key, FILE-ca.pem',
  arguments: [
    { name: 'server|service', choices: ['server', 'service'] },
    { name: 'NAME', many: true },
  ],
  options: [
    { name: 'out', value: 'FILE', complete: 'file', summary: 'how the files begin (the name)' },
    FOLDER,
    PASSPHRASE,
  ],
  run: async (session, input) => {
    const place = await placeOf(session, input)
    const subject = subjectOf(input)
    const prefix = path.resolve(session.folder, input.text('out') ?? input.argument(1))
    await (await files()).issueCertificate(place, subject, prefix, session.now())
    session.out.write(`${prefix}.pem, ${prefix}.key: of ${prefix}-ca.pem\n`)
  },
}

async function agree(session: Session, input: Input, what: string): Promise<void> {
  if (input.flag('yes')) return
  const { asker } = session
  if (!asker.interactive) throw new CommandError(`${what}: not confirmed; add --yes`, EXIT.usage)
  const answer = await asker.question(`${what}? [y/N] `)
  if (!/^y(?:es)?$/i.test(answer)) throw new CommandError('not confirmed', EXIT.usage)
}

export const authorityNoun: Noun = {
  name: 'ca',
  summary: 'Authorities: made, checked and rolled over as files, where the root’s key is.',
  examples: [
    'muster ca check',
    'muster ca rollover --data ./.muster',
    'muster ca issue service telemetry-reader',
  ],
}

export const authorityCommands: readonly SessionCommand[] = [init, show, check, rollover, issue]
