// Client certificates as they come to an edge, good and bad, made by openssl: an implementation that is not ours.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const AUTHORITIES = {
  devold: 'Muster devold CA',
  devnew: 'Muster devnew CA',
  claim: 'Muster claim CA',
  vendor: 'Muster vendor CA',
  foreign: 'Other CA',
  /** The name of devnew, another key. */
  fake: 'Muster devnew CA',
} as const
type AuthorityName = keyof typeof AUTHORITIES

const PAST = ['-startdate', '20250101000000Z', '-enddate', '20250301000000Z']
const FUTURE = ['-startdate', '20500101000000Z', '-enddate', '20510101000000Z']
const NOT_CLIENT = ['-extensions', 'server']

const LEAVES = {
  dev1: ['devnew', '/O=acme/CN=dev-1'],
  dev2: ['devold', '/O=acme/CN=dev-2'],
  claim1: ['claim', '/CN=claim-7'],
  idevid: ['vendor', '/serialNumber=SN123/CN=IDevID-SN123'],
  idevidExpired: ['vendor', '/serialNumber=SN124/CN=IDevID-SN124', ...PAST],
  expired: ['devnew', '/CN=dev-3', ...PAST],
  future: ['devnew', '/CN=dev-5', ...FUTURE],
  revoked: ['devnew', '/CN=dev-9'],
  revokedExpired: ['devnew', '/CN=dev-8', ...PAST],
  foreign1: ['foreign', '/CN=dev-1'],
  foreignExpired: ['foreign', '/CN=dev-1', ...PAST],
  forged: ['fake', '/CN=dev-1'],
  forgedExpired: ['fake', '/CN=dev-1', ...PAST],
  serverAuth: ['devnew', '/CN=dev-1', ...NOT_CLIENT],
} as const satisfies Record<string, readonly [AuthorityName, string, ...string[]]>
export type LeafName = keyof typeof LEAVES | 'selfSignedExpired'

export interface Identity {
  readonly cert: string
  readonly key: string
}

export interface ClientCertificates extends Disposable {
  authority(name: AuthorityName): string
  leaf(name: LeafName): Identity
  /** CRLs of the two device authorities, with what `revoked…` is; the claim's and the vendor's have none. */
  readonly crls: string
  /** Revokes one of them; the CRLs after that. */
  revoke(name: LeafName): string
  /** A server's certificate for localhost, of an authority of its own. */
  readonly server: Identity
}

/** Makes them all, in a folder that goes away; takes about a second. */
export function makeClientCertificates(): ClientCertificates {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-certificates-'))
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  for (const [index, [name, subject]] of Object.entries(AUTHORITIES).entries())
    makeAuthority(openssl, folder, name, subject, index)
  for (const [name, [authority, subject, ...options]] of Object.entries(LEAVES))
    makeLeaf(openssl, name, subject, ['-config', `${authority}.cnf`, ...options])
  const selfSigned = ['-selfsign', '-keyfile', 'selfSignedExpired.key', ...PAST]
  makeLeaf(openssl, 'selfSignedExpired', '/CN=dev-1', ['-config', 'self.cnf', ...selfSigned])
  selfSignedServer(openssl)
  makeCrls(openssl)
  const read = (file: string) => readFileSync(path.join(folder, file), 'utf8')
  const readCrls = () => read('devold.crl') + read('devnew.crl')
  const pair = (name: string) => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) })
  return {
    authority: (name) => read(`${name}.pem`),
    leaf: pair,
    crls: readCrls(),
    revoke: (name) => {
      openssl(
        'ca',
        '-config',
        `${name === 'dev2' ? 'devold' : 'devnew'}.cnf`,
        '-revoke',
        `${name}.pem`,
      )
      publish(openssl)
      return readCrls()
    },
    server: pair('server'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

type Openssl = (...args: string[]) => unknown

function makeKey(openssl: Openssl, name: string): void {
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
}

function makeAuthority(
  openssl: Openssl,
  folder: string,
  name: string,
  subject: string,
  index: number,
): void {
  makeKey(openssl, name)
  const usage = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  const extensions = usage.flatMap((text) => ['-addext', text])
  const request = ['-key', `${name}.key`, '-days', '3650', '-subj', `/O=Muster/CN=${subject}`]
  openssl('req', '-x509', '-new', ...request, ...extensions, '-out', `${name}.pem`)
  const store = path.join(folder, `db.${name}`)
  mkdirSync(store)
  writeFileSync(path.join(store, 'index.txt'), '')
  writeFileSync(path.join(store, 'serial'), `${index + 1}000\n`)
  writeFileSync(path.join(store, 'crlnumber'), '01\n')
  writeFileSync(
    path.join(folder, `${name}.cnf`),
    configuration(name, 'authorityKeyIdentifier=keyid'),
  )
  if (name === 'devnew') writeFileSync(path.join(folder, 'self.cnf'), configuration(name, ''))
}

function configuration(name: string, identifier: string): string {
  const leaf = `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
${identifier}`
  return `[ca]
default_ca=c
[c]
database=db.${name}/index.txt
serial=db.${name}/serial
crlnumber=db.${name}/crlnumber
new_certs_dir=db.${name}
default_crl_days=30
certificate=${name}.pem
private_key=${name}.key
default_md=sha256
default_days=90
policy=p
x509_extensions=client
unique_subject=no
[p]
organizationName=optional
commonName=supplied
serialNumber=optional
[client]
${leaf}
extendedKeyUsage=clientAuth
[server]
${leaf}
extendedKeyUsage=serverAuth
`
}

function makeLeaf(openssl: Openssl, name: string, subject: string, options: string[]): void {
  makeKey(openssl, name)
  openssl('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`)
  openssl('ca', '-batch', '-notext', '-in', `${name}.csr`, '-out', `${name}.pem`, ...options)
}

function makeCrls(openssl: Openssl): void {
  for (const name of ['revoked', 'revokedExpired'])
    openssl('ca', '-config', 'devnew.cnf', '-revoke', `${name}.pem`)
  publish(openssl)
}

function publish(openssl: Openssl): void {
  for (const name of ['devold', 'devnew'])
    openssl('ca', '-config', `${name}.cnf`, '-gencrl', '-out', `${name}.crl`)
}

function selfSignedServer(openssl: Openssl): void {
  makeKey(openssl, 'server')
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const request = ['-key', 'server.key', '-days', '90', '-subj', '/CN=localhost']
  openssl('req', '-x509', '-new', ...request, ...names, '-out', 'server.pem')
}
