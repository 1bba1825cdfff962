import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { createAuthority } from '../../../shared/pki/authority.ts'
import { ceremonyFiles } from '../../../shared/pki/ceremony.ts'
import { seal, SealFault, unseal } from '../../../shared/sealed.ts'
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

const RANDOM = ['hop-root', 'kek', 'audit-key'] as const
type RandomName = (typeof RANDOM)[number]

/** What it encrypts lies in the database: with a passphrase, the key-encryption key is of no use without it. */
function randomSecret(name: RandomName, passphrase: string | undefined): string {
  const bytes = randomBytes(32)
  const sealed = name === 'kek' && passphrase !== undefined
  return sealed ? seal(bytes, passphrase, name) : `${bytes.toString('base64')}\n`
}

function random(passphrase: string | undefined): Record<string, string> {
  return Object.fromEntries(RANDOM.map((name) => [name, randomSecret(name, passphrase)]))
}

/** @throws {StartFault} when the secrets are sealed, and not under this passphrase */
async function checkPassphrase(folder: string, passphrase: string | undefined): Promise<void> {
  try {
    unseal(await readFile(path.join(folder, 'kek')), passphrase, 'kek')
  } catch (error) {
    if (!(error instanceof SealFault)) throw error
    const line = `${shownPath(folder)}: ${error.message}; see MUSTER_PASSPHRASE_FILE`
    throw new StartFault(USAGE, line, { cause: error })
  }
}

/** Beside authorities of a ceremony (`muster ca init`), a new installation gets the rest. */
async function complete(
  data: DataDirectory,
  folder: string,
  passphrase: string | undefined,
): Promise<void> {
  for (const name of RANDOM) {
    const file = path.join(folder, name)
    if (existsSync(file)) continue
    if (!data.isNew) throw lost(file, 'what the database holds')
    await writePrivate(file, randomSecret(name, passphrase))
  }
}

function lost(file: string, useless: string): StartFault {
  const line = `${shownPath(file)} is missing, and ${useless} is of no use without it`
  return new StartFault(USAGE, `${line}; restore it from a backup`)
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
  if (existsSync(folder)) {
    await complete(data, folder, passphrase)
    await checkPassphrase(folder, passphrase)
    return { folder, made: false }
  }
  if (existsSync(data.file('postgres'))) throw lost(folder, shownPath(data.file('postgres')))
  const label = randomBytes(4).toString('hex')
  const { kept, offline } = ceremonyFiles(createAuthority({ now, label }), passphrase)
  await writeFolder(data.file(OFFLINE), offline)
  await writeFolder(`${folder}.new`, { ...random(passphrase), ...kept })
  await rename(`${folder}.new`, folder)
  return { folder, made: true }
}
