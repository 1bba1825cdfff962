import { readFile } from 'node:fs/promises'
import type { Database } from '../../../shared/db/database.ts'
import { installAuthority, readBundle } from '../../../shared/pki/install-authority.ts'
import { readPrivateKeys } from '../../../shared/pki/issuer.ts'
import { readAuthorities } from '../../../shared/pki/read-authorities.ts'
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
  const bundle = await readFile(data.file('secrets', 'ca-certificates'), 'utf8')
  const keys = await readFile(data.file('secrets', 'ca-issuing-key'), 'utf8')
  await installAuthority({ db }, readBundle(bundle), readPrivateKeys(keys, passphrase))
  const known = await readAuthorities(db)
  const active = known.find(({ state }) => state === 'active')
  return active?.certificate.notAfter ?? new Date(0)
}
