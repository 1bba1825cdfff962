import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { only, TAG } from '../../../shared/pki/der-read.ts'
import { openIssuer, readPrivateKey } from '../../../shared/pki/issuer.ts'
import { readKey } from '../../../shared/pki/key.ts'
import { signServerCertificate } from '../../../shared/pki/leaf-certificates.ts'
import { blocks, certificatePem, fromPem } from '../../../shared/pki/pem.ts'
import type { DataDirectory } from './data-directory.ts'
import { StartFault } from './fault.ts'
import { readFileOrNothing, writePrivate } from './private-file.ts'

const USAGE = 2
const RENEW_MS = 60 * 86_400_000

export interface ServerCertificate {
  readonly cert: string
  readonly key: string
}

export interface ServerCertificateOptions {
  readonly names: readonly string[]
  readonly now: Date
  readonly passphrase: string | undefined
}

// Besides the public ones, those by which the machine itself asks.
function allNames(names: readonly string[]): [string, ...string[]] {
  const [first = 'localhost', ...others] = [...new Set([...names, 'localhost', '127.0.0.1', '::1'])]
  return [first, ...others]
}

function stillGood(pem: string, names: readonly string[], root: string, now: Date): boolean {
  const certificate = new X509Certificate(pem)
  const good = names.every((name) =>
    isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name, { wildcards: false }),
  )
  const issuer = new X509Certificate(root)
  const ends = Date.parse(certificate.validTo)
  return good && certificate.verify(issuer.publicKey) && ends - now.getTime() > RENEW_MS
}

/** The server's certificate for the public names, by the own server authority; made anew for other names, or in time. */
export async function serverCertificate(
  data: DataDirectory,
  { names, now, passphrase }: ServerCertificateOptions,
): Promise<ServerCertificate> {
  const wanted = allNames(names)
  const root = await readFile(data.file('secrets', 'server-ca-certificate'), 'utf8')
  await writeAnchor(data, root)
  const file = data.file('secrets', 'server.pem')
  const found = (await readFileOrNothing(file))?.toString('utf8')
  if (found !== undefined && stillGood(found, wanted, root, now)) return split(found)
  const key = readPrivateKey(await readFile(data.file('secrets', 'server-ca-key')), passphrase)
  const issuer = openIssuer(fromPem(root, 'CERTIFICATE'), key)
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const request = { key: readKey(spki, only(spki, TAG.sequence)), now, names: wanted }
  const certificate = signServerCertificate(issuer, request)
  const pem = certificatePem(certificate.der)
  const own = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await writePrivate(file, pem + own)
  return { cert: pem, key: own }
}

function split(pem: string): ServerCertificate {
  const at = pem.indexOf('-----BEGIN PRIVATE KEY')
  return { cert: pem.slice(0, at), key: pem.slice(at) }
}

/** The top of the chain that the operator's file holds: its root, or the certificate itself where it is self-signed. */
export async function writeTopOfChain(data: DataDirectory, cert: string): Promise<void> {
  const top = blocks(cert, ['CERTIFICATE']).at(-1)
  if (top !== undefined) await writeAnchor(data, certificatePem(top))
}

/** What clients trust the server by; public. */
async function writeAnchor(data: DataDirectory, root: string): Promise<void> {
  const found = await readFileOrNothing(data.file('ca.pem'))
  if (found?.toString('utf8') !== root) await writePrivate(data.file('ca.pem'), root, 0o644)
}

/**
 * The operator's own certificate, read afresh.
 * @throws {StartFault} when the files are not a certificate and its key
 */
export async function givenCertificate(
  certFile: string,
  keyFile: string,
): Promise<ServerCertificate> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const line = `EDGE_CERT_FILE and EDGE_KEY_FILE are no certificate and its key (${why})`
    throw new StartFault(USAGE, line, { cause: error })
  }
  return { cert, key }
}
