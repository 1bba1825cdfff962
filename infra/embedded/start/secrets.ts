import { randomBytes, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { createAuthority, type Authority, type Hierarchy } from '../../../shared/pki/authority.ts'
import { certificatePem, toPem } from '../../../shared/pki/pem.ts'
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

function keyPem(key: KeyObject, passphrase: string | undefined): string {
  const sealed = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
  return key.export({ type: 'pkcs8', format: 'pem', ...sealed }).toString()
}

/** Files of the ceremony by name: those that stay at hand, and those whose place is elsewhere. */
function ceremony(hierarchy: Hierarchy, passphrase: string | undefined) {
  const { root, issuing, next, crls } = hierarchy
  const bundle = [root, issuing, ...next].map(({ certificate }) => certificatePem(certificate.der))
  const lists = crls.map((der) => toPem('X509 CRL', der))
  const kept: Record<string, string> = {
    'ca-certificates': [...bundle, ...lists].join(''),
    'ca-issuing-key': keyPem(issuing.key, passphrase),
  }
  for (const name of ['claim', 'service', 'server'] as const) {
    const authority: Authority = hierarchy[name]
    kept[`${name}-ca-certificate`] = certificatePem(authority.certificate.der)
    kept[`${name}-ca-key`] = keyPem(authority.key, passphrase)
  }
  const offline: Record<string, string> = { 'device-root.key': keyPem(root.key, passphrase) }
  for (const [index, authority] of next.entries())
    offline[`device-issuing-${index + 2}.key`] = keyPem(authority.key, passphrase)
  return { kept, offline }
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
  const { kept, offline } = ceremony(createAuthority({ now, label }), passphrase)
  await writeFolder(data.file(OFFLINE), offline)
  await writeFolder(`${folder}.new`, { ...random(), ...kept })
  await rename(`${folder}.new`, folder)
  return { folder, made: true }
}
