import type { Db } from '../db/database.ts'
import { readCertificate, type Certificate } from './certificate-read.ts'
import { PUBLIC_SHARD } from './install-authority.ts'
import { readCrls, readIssuers, readProfile, type IssuerState } from './queries.ts'
import { Profile } from './profile.ts'
import { remember } from './remember.ts'

export interface KnownAuthority {
  readonly issuerId: number
  readonly state: IssuerState
  readonly certificate: Certificate
}

/** Every device authority, as the database knows them. */
export async function readAuthorities(db: Db): Promise<KnownAuthority[]> {
  const rows = await db.rows(readIssuers, [])
  return rows.map(({ issuer_id, state, certificate }) => ({
    issuerId: issuer_id,
    state,
    certificate: readCertificate(certificate),
  }))
}

const chain = remember(async (db): Promise<readonly Certificate[]> => {
  const all = await readAuthorities(db)
  const active = all.filter(({ state }) => state === 'active')
  const root = all.filter(({ state }) => state === 'root')
  return [...active, ...root].map(({ certificate }) => certificate)
})

/** What a client needs above a certificate of the active authority: that one, then the root. At most ten seconds old. */
export function readChain(db: Db): Promise<readonly Certificate[]> {
  return chain(db, '')
}

/** The public CRL of an authority, by its number; of the one that signs now where none is given. */
export async function readPublicCrl(
  db: Db,
  issuerId?: number,
): Promise<{ der: Buffer; number: bigint; nextUpdate: Date } | undefined> {
  const wanted =
    issuerId ?? (await db.rows(readIssuers, [])).find(({ state }) => state === 'active')?.issuer_id
  const rows = await db.rows(readCrls, [PUBLIC_SHARD])
  const row = rows.find(({ issuer_id }) => issuer_id === wanted)
  return row && { der: row.der, number: row.number, nextUpdate: row.next_update }
}

const profile = remember(async (db, name): Promise<Profile> => {
  const row = await db.row(readProfile, [name])
  return Profile.parse(row?.definition ?? {})
})

/** A profile by name, at most ten seconds old; one that nobody wrote is the default. */
export function readProfileNamed(db: Db, name: string): Promise<Profile> {
  return profile(db, name)
}
