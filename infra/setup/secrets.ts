// The secrets of an installation whose parts run apart, and for each part a folder with its own.
import { chown, mkdir, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { issueCertificate } from '../cli/ca.ts'
import type { DataDirectory } from '../embedded/start/data-directory.ts'
import { readFileOrNothing, writePrivate } from '../embedded/start/private-file.ts'
import { makeSecrets } from '../embedded/start/secrets.ts'
import { serverCertificate } from '../embedded/start/server-certificate.ts'
import {
  callerSecrets,
  databaseUrl,
  FIRST_KID,
  functionSecrets,
  passwordOf,
  storeSecrets,
  type Installation,
} from './parts.ts'

export interface SetupOptions {
  readonly data: DataDirectory
  /** Where each part finds its folder. */
  readonly parts: string
  readonly functions: readonly string[]
  /** Names of the edge's and the broker's certificates. */
  readonly publicNames: readonly string[]
  /** The broker's name inside, in its certificate too. */
  readonly brokerName: string
  readonly database: string
  /** The user of the parts' containers. */
  readonly owner: number
  readonly passphrase: string | undefined
  /** Kids of the keys between parts, while they are rotated; undefined: those of the last run. */
  readonly hopKids: HopKids | undefined
  readonly now: Date
}

type HopKids = readonly [string, ...string[]]

/** The user of PostgreSQL's own image. */
const POSTGRES_USER = 999

type Files = Readonly<Record<string, string>>

/** The kids that were given, kept for the runs after; else those that were kept. */
async function hopKidsOf(data: DataDirectory, given: HopKids | undefined): Promise<HopKids> {
  const file = data.file('hop-kids')
  if (given !== undefined) await writePrivate(file, `${given.join(',')}\n`)
  const kept = (await readFileOrNothing(file))?.toString('utf8').trim() ?? FIRST_KID
  const [first = FIRST_KID, ...others] = kept.split(',')
  return [first, ...others]
}

async function readInstallation(
  folder: string,
  database: string,
  hopKids: HopKids,
): Promise<Installation> {
  const names = await readdir(folder)
  const read = names.map(
    async (name) => [name, await readFile(path.join(folder, name), 'utf8')] as const,
  )
  const secrets = Object.fromEntries(await Promise.all(read))
  const hopRoot = Buffer.from(secrets['hop-root'] ?? '', 'base64')
  return { secrets, hopRoot, hopKids, database }
}

/** Writes a part's files, each only where it changed: whoever reads it anew then has a reason. */
async function writePart(folder: string, files: Files, owner: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(folder, owner, owner)
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name)
    const found = await readFileOrNothing(file)
    if (found?.toString('utf8') !== text) await writePrivate(file, text, 0o400)
    if (isRoot) await chown(file, owner, owner)
  }
}

/** A fresh certificate of a service, or of the broker as a server; services renew by running the setup again. */
async function issued(
  { data, publicNames, brokerName, passphrase, now }: SetupOptions,
  name: string,
): Promise<Files> {
  const prefix = data.file(`issued-${name}`)
  const subject =
    name === 'server'
      ? ({ kind: 'server', names: [brokerName, ...publicNames, 'localhost'] } as const)
      : ({ kind: 'service', name } as const)
  await issueCertificate({ folder: data.folder, passphrase }, subject, prefix, now)
  const [cert, key, ca] = await Promise.all(
    ['.pem', '.key', '-ca.pem'].map((end) => readFile(prefix + end, 'utf8')),
  )
  return { [`${name}.pem`]: cert ?? '', [`${name}.key`]: key ?? '', [`${name}-ca.pem`]: ca ?? '' }
}

/** Makes what is missing of keys and authorities, and gives each part its own. */
export async function setUpSecrets(options: SetupOptions): Promise<{ made: boolean }> {
  const { data, parts, functions, publicNames, database, owner, passphrase, now } = options
  const { folder, made } = await makeSecrets(data, now, passphrase)
  const hopKids = await hopKidsOf(data, options.hopKids)
  const installation = await readInstallation(folder, database, hopKids)
  const { hopRoot, secrets } = installation
  const write = (part: string, files: Files) => writePart(path.join(parts, part), files, owner)
  for (const name of functions) await write(name, functionSecrets(installation, name))
  const [broker, connector, agent] = await Promise.all(
    ['server', 'connector', 'broker-agent'].map((name) => issued(options, name)),
  )
  const brokerCa = { 'server-ca.pem': secrets['server-ca-certificate'] ?? '' }
  await write('connector', {
    ...callerSecrets(installation, 'connector'),
    ...connector,
    ...brokerCa,
  })
  await write('broker', {
    ...broker,
    ...agent,
    'service-ca.pem': secrets['service-ca-certificate'] ?? '',
    'database-url': databaseUrl(installation, 'broker-agent'),
  })
  const served = await serverCertificate(data, { names: publicNames, now, passphrase })
  await write('edge', {
    ...callerSecrets(installation, 'edge'),
    'server.pem': served.cert,
    'server.key': served.key,
    'claim-ca-certificate': secrets['claim-ca-certificate'] ?? '',
  })
  await write('store', storeSecrets(hopRoot))
  const owners = passwordOf(hopRoot, 'owner')
  await writePart(path.join(parts, 'postgres'), { password: owners }, POSTGRES_USER)
  await write('objects', {})
  await write('setup', { 'database-url': `postgres://muster:${owners}@${database}` })
  return { made }
}
