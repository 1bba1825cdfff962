// After a restore, before anything is started: node infra/recovery/main.ts --crl <file or URL> [--crl …]
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ConfigError, loadConfig } from '../../shared/config.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { DerError } from '../../shared/pki/der-read.ts'
import { blocks } from '../../shared/pki/pem.ts'
import { afterRestore, RecoveryFault } from './after-restore.ts'

const USAGE = 2
const HELP =
  'usage: node infra/recovery/main.ts --crl FILE|URL [--crl …]   (DATABASE_URL as the owner)\n'
const PEM = '-----BEGIN'

async function bytesOf(place: string): Promise<Buffer> {
  if (!/^https?:\/\//.test(place)) {
    return readFile(place).catch((error: unknown) => {
      throw new RecoveryFault(`${place} cannot be read`, { cause: error })
    })
  }
  const answer = await fetch(place).catch((error: unknown) => {
    throw new RecoveryFault(`${place} cannot be reached`, { cause: error })
  })
  if (!answer.ok) throw new RecoveryFault(`${place} answers ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}

/** The CRLs of a file: PEM, as a broker has them, or one in DER, as it is published. */
async function crlsOf(place: string): Promise<readonly Buffer[]> {
  const bytes = await bytesOf(place)
  if (!bytes.subarray(0, 1024).includes(PEM)) return [bytes]
  return blocks(bytes.toString('latin1'), ['X509 CRL'])
}

async function main(places: readonly string[]): Promise<void> {
  const { databaseUrl, databaseDirectUrl: url = databaseUrl } = loadConfig({ env: process.env })
  if (url === undefined) throw new RecoveryFault('DATABASE_URL is missing')
  const crls = (await Promise.all(places.map(crlsOf))).flat()
  await using db = openDatabase({ url, connections: 1, name: 'muster recovery' })
  const { revoked, unknown, shadows } = await afterRestore(db, crls)
  process.stdout.write(
    `${revoked} certificates revoked again, ${unknown} revoked that the backup does not know, ${shadows} shadows with new versions\n`,
  )
}

try {
  const { values } = parseArgs({ options: { crl: { type: 'string', multiple: true } } })
  if (values.crl === undefined) {
    process.stderr.write(HELP)
    process.exitCode = USAGE
  } else await main(values.crl)
} catch (error) {
  if (
    !(error instanceof ConfigError || error instanceof RecoveryFault || error instanceof DerError)
  )
    throw error
  process.stderr.write(`recovery: ${error.message}\n`)
  process.exitCode = USAGE
}
