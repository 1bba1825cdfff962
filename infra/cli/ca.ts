// Authorities as files: what is done where the root's key is, on a machine that need not be connected to anything.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { createAuthority } from '../../shared/pki/authority.ts'
import { ceremonyFiles, type CeremonyFiles } from '../../shared/pki/ceremony.ts'
import {
  checkAuthorities,
  listAuthorities,
  type Finding,
} from '../../shared/pki/check-authorities.ts'
import { only, TAG } from '../../shared/pki/der-read.ts'
import { openIssuer, readPrivateKey } from '../../shared/pki/issuer.ts'
import { readKey } from '../../shared/pki/key.ts'
import {
  signServerCertificate,
  signServiceCertificate,
} from '../../shared/pki/leaf-certificates.ts'
import { certificatePem, fromPem } from '../../shared/pki/pem.ts'
import { rollOver } from '../../shared/pki/rollover.ts'
import { serialText } from '../../shared/pki/serial.ts'

const SECRETS = 'secrets'
const OFFLINE = 'root-offline'
const KEPT = /^(ca-certificates|ca-issuing-key|(claim|service|server)-ca-(certificate|key))$/

export interface Place {
  /** Folder that holds `secrets` and `root-offline`. */
  readonly folder: string
  readonly passphrase: string | undefined
}

/** One authority, as it is printed. */
export interface AuthorityItem {
  readonly [member: string]: string
  readonly name: string
  readonly kind: string
  readonly state: string
  readonly expires_at: string
  readonly key: string
  readonly serial: string
}

/** Makes all authorities of an installation. Throws where there are some already. */
export async function initAuthorities({ folder, passphrase }: Place, now: Date): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const label = randomBytes(4).toString('hex')
  const { kept, offline } = ceremonyFiles(createAuthority({ now, label }), passphrase)
  if ((await readdir(path.join(folder, SECRETS)).catch(() => [])).some((name) => KEPT.test(name))) {
    throw new Error(`${folder} has authorities already`)
  }
  await writeAll(path.join(folder, OFFLINE), offline)
  await writeAll(path.join(folder, SECRETS), kept)
}

/** Every authority of the folder. */
export async function showAuthorities({ folder, passphrase }: Place): Promise<AuthorityItem[]> {
  const authorities = listAuthorities(await readFiles(folder), passphrase)
  return authorities.map(({ name, kind, state, key, certificate }) => ({
    name,
    kind,
    state,
    expires_at: certificate.notAfter.toISOString(),
    key,
    serial: serialText(certificate.serial),
  }))
}

/** What is wrong with them, and what will be. */
export async function checkFolder(
  { folder, passphrase }: Place,
  now: Date,
): Promise<readonly Finding[]> {
  return checkAuthorities(await readFiles(folder), passphrase, now)
}

/** Names of what a rollover did, for a person. */
export interface RolledOver {
  readonly active: string
  readonly made: string | undefined
}

/** Puts the next issuing authority into use; a running Muster takes it within ten seconds, and no broker is touched. */
export async function rollOverFolder(
  { folder, passphrase }: Place,
  now: Date,
): Promise<RolledOver> {
  const { files, used, active, made } = rollOver(await readFiles(folder), { now, passphrase })
  await writeAll(path.join(folder, OFFLINE), files.offline)
  // Certificates first: a key without its authority's certificate would be of no use.
  const { 'ca-issuing-key': key = '', ...certificates } = files.kept
  await writeAll(path.join(folder, SECRETS), certificates)
  await writeAll(path.join(folder, SECRETS), { 'ca-issuing-key': key })
  await rm(path.join(folder, OFFLINE, used))
  return { active: active.commonName ?? '', made: made?.commonName }
}

/** Whose certificate: a server by its names, or a service account of the broker by its one name. */
export type Subject =
  | { readonly kind: 'server'; readonly names: readonly [string, ...string[]] }
  | { readonly kind: 'service'; readonly name: string }

/**
 * Issues a certificate for a part that runs apart: Mosquitto's server certificate, the connector's, the broker agent's or an
 * application's account. Writes PREFIX.pem, PREFIX.key (0600) and PREFIX-ca.pem; the private key is made here and kept nowhere else.
 */
export async function issueCertificate(
  { folder, passphrase }: Place,
  subject: Subject,
  prefix: string,
  now: Date,
): Promise<void> {
  const secret = (name: string) =>
    readFile(path.join(folder, SECRETS, `${subject.kind}-ca-${name}`), 'utf8')
  const root = await secret('certificate')
  const issuer = openIssuer(
    fromPem(root, 'CERTIFICATE'),
    readPrivateKey(await secret('key'), passphrase),
  )
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const request = { key: readKey(spki, only(spki, TAG.sequence)), now }
  const { der } =
    subject.kind === 'server'
      ? signServerCertificate(issuer, { ...request, names: subject.names })
      : signServiceCertificate(issuer, { ...request, name: subject.name })
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const files = { '.pem': certificatePem(der), '.key': key, '-ca.pem': root }
  for (const [end, text] of Object.entries(files)) await writePrivate(prefix + end, text)
}

async function readFiles(folder: string): Promise<CeremonyFiles> {
  const kept = await readAll(path.join(folder, SECRETS), (name) => KEPT.test(name))
  if (kept['ca-certificates'] === undefined) throw new Error(`${folder} has no authorities`)
  const offline = await readAll(path.join(folder, OFFLINE), (name) => name.endsWith('.key'))
  return { kept, offline }
}

async function readAll(
  folder: string,
  wanted: (name: string) => boolean,
): Promise<Record<string, string>> {
  const names = (await readdir(folder).catch(() => [])).filter(wanted)
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const),
  )
  return Object.fromEntries(texts)
}

async function writeAll(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files))
    await writePrivate(path.join(folder, name), text)
}

/** Whole or not at all, and for the owner alone. */
async function writePrivate(file: string, text: string): Promise<void> {
  const made = `${file}.new`
  await rm(made, { force: true })
  const handle = await open(made, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(made, file)
}
