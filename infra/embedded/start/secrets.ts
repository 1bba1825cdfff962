import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { createAuthority } from '../../../shared/pki/authority.ts'
import { ceremonyFiles } from '../../../shared/pki/ceremony.ts'
import type { DataDirectory } from './data-directory.ts'
import { StartFault } from './fault.ts'
import { writePrivate } from './private-file.ts'
import { shownPath } from './shown-path.ts'

const SECRETS = 'secrets'
const OFFLINE = 'root-offline'
const USAGE = 2

export interface Secrets {
  readonly folder: string
  /** Whether this start made them. */
  readonly made: boolean
}

function random(): Record<string, string> {
  const names = ['hop-root', 'kek', 'audit-key']
  return Object.fromEntries(names.map((name) => [name, `${randomBytes(32).toString('base64')}\n`]))
}

async function writeFolder(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { mode: 0o700 })
  for (const [name, content] of Object.entries(files))
    await writePrivate(path.join(folder, name), content)
}

/**
 * Makes keys, authorities and secrets of a new installation, all or none: the folder of secrets comes into being last.
 * @throws {StartFault} when the data is there and its secrets are not
 */
export async function makeSecrets(
  data: DataDirectory,
  now: Date,
  passphrase: string | undefined,
): Promise<Secrets> {
  const folder = data.file(SECRETS)
  if (existsSync(folder)) return { folder, made: false }
  if (existsSync(data.file('postgres'))) {
    const line = `${shownPath(folder)} is missing, and ${shownPath(data.file('postgres'))} is of no use without it`
    throw new StartFault(USAGE, `${line}; restore it from a backup`)
  }
  const label = randomBytes(4).toString('hex')
  const { kept, offline } = ceremonyFiles(createAuthority({ now, label }), passphrase)
  await writeFolder(data.file(OFFLINE), offline)
  await writeFolder(`${folder}.new`, { ...random(), ...kept })
  await rename(`${folder}.new`, folder)
  return { folder, made: true }
}
