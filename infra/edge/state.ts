import { X509Certificate } from 'node:crypto'
import type { Database } from '../../shared/db/database.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { certificatePem } from '../../shared/pki/pem.ts'
import { readSettings } from '../../shared/setting/read.ts'
import { nextCrlFile } from '../broker/crl-file.ts'
import { readBootstrapCertificates } from '../gateway/queries.ts'
import type { EdgeLimits, EdgeState } from './files.ts'
import { readEdgeAuthorities, readEdgeCrls } from './queries.ts'

/** What the database does not know. */
export interface EdgeSources {
  /** Certificate with chain and key of the server, as PEM; asked at each look. */
  readonly certificate: () => Promise<{ readonly cert: string; readonly key: string }>
  readonly hop: () => { readonly kid: string; readonly root: Buffer }
  /** PEM of the claim root, whose certificates devices may show to enrol. */
  readonly claimAuthority: () => string | undefined
}

/** As `edge.connection_rate` says it: five times as many at once. */
const BURST_SECONDS = 5

/** Reads what HAProxy must be told now. `crls` is the file of CRLs as it is: none older replaces it. */
export async function readEdgeState(
  { db, now }: { db: Database; now: Date },
  sources: EdgeSources,
  crls: string | undefined,
): Promise<EdgeState> {
  const { cert, key } = await sources.certificate()
  return {
    server: `${cert.trimEnd()}\n${key}`,
    authorities: await readClientAuthorities(db, sources.claimAuthority()),
    crls: nextCrlFile(crls, await db.rows(readEdgeCrls, []), now).pem,
    hopKeys: hopKeysOf(sources.hop()),
    limits: await readLimits(db),
  }
}

/** A key for each function that the route table names; the root stays with whoever writes the files. */
export function hopKeysOf({ kid, root }: { kid: string; root: Buffer }): Map<string, string> {
  const names = [...new Set(ROUTES.map(({ to }) => to))].toSorted()
  return new Map(
    names.map((name) => [name, `${kid}:${deriveHopKey(root, 'edge', name).toString('base64')}`]),
  )
}

async function readClientAuthorities(db: Database, claim: string | undefined): Promise<string> {
  const own = await db.rows(readEdgeAuthorities, [])
  const given = await db.rows(readBootstrapCertificates, [])
  const pems = [...own, ...given.filter(isAnchor)].map((row) => certificatePem(row.certificate))
  if (claim !== undefined) pems.push(new X509Certificate(claim).toString())
  return [...new Set(pems)].join('')
}

// A credential's certificate that is neither an authority nor self-signed is no anchor to OpenSSL, which takes no partial chains.
function isAnchor({ certificate }: { certificate: Buffer }): boolean {
  try {
    const read = new X509Certificate(certificate)
    return read.ca || read.checkIssued(read)
  } catch {
    return false
  }
}

async function readLimits(db: Database): Promise<EdgeLimits> {
  const settings = await readSettings(db)
  return {
    open: settings['edge.connections'],
    burst: settings['edge.connection_rate'] * BURST_SECONDS,
    trusted: settings['edge.trusted_sources'],
  }
}
