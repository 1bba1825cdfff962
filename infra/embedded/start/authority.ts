import type { Database } from '../../../shared/db/database.ts'
import { installAuthority, readBundle } from '../../../shared/pki/install-authority.ts'
import { readPrivateKeys } from '../../../shared/pki/issuer.ts'
import { readAuthorities } from '../../../shared/pki/read-authorities.ts'
import { readSecret } from '../../../shared/secret.ts'
import type { DataDirectory } from './data-directory.ts'

/**
 * Enters the device authorities of the data directory into the database, and says when the one that signs ends.
 * The function pki does the same; the listeners need them before its first call.
 */
export async function enterAuthorities(
  db: Database,
  data: DataDirectory,
  passphrase: string | undefined,
): Promise<Date> {
  const place = { env: process.env, folder: data.file('secrets') }
  const bundle = readSecret('ca-certificates', place)?.toString('utf8') ?? ''
  const keys = readSecret('ca-issuing-key', place)?.toString('utf8') ?? ''
  await installAuthority({ db }, readBundle(bundle), readPrivateKeys(keys, passphrase))
  const known = await readAuthorities(db)
  const active = known.find(({ state }) => state === 'active')
  return active?.certificate.notAfter ?? new Date(0)
}
