import { createHash } from 'node:crypto'
import { DomainError } from '../../shared/errors.ts'
import { certificatePem } from '../../shared/pki/pem.ts'
import { readAuthorities, readPublicCrl } from '../../shared/pki/read-authorities.ts'
import type { Deps } from './deps.ts'

const HOUR_SECONDS = 3600

/** Every device authority as PEM, root first: what a broker or an edge trusts devices by. */
export async function authorityBundle({ db }: Deps, request: Request): Promise<Response> {
  const authorities = await readAuthorities(db)
  if (authorities.length === 0) throw new DomainError('ca.unavailable')
  const roots = authorities.filter(({ state }) => state === 'root')
  const others = authorities.filter(({ state }) => state !== 'root')
  const pem = [...roots, ...others]
    .map(({ certificate }) => certificatePem(certificate.der))
    .join('')
  return cached(request, Buffer.from(pem), 'application/x-pem-file', HOUR_SECONDS)
}

/** The newest public CRL, DER: of the authority that signs now, or of `?issuer=`, which after a rollover is asked for one before it. */
export async function crl({ db, clock }: Deps, request: Request): Promise<Response> {
  const issuer = new URL(request.url).searchParams.get('issuer')
  if (issuer !== null && !/^\d{1,5}$/.test(issuer)) throw new DomainError('authority.not_found')
  const found = await readPublicCrl(db, issuer === null ? undefined : Number(issuer))
  if (!found) throw new DomainError(issuer === null ? 'ca.unavailable' : 'authority.not_found')
  const left = (found.nextUpdate.getTime() - clock.now().getTime()) / 1000
  const seconds = Math.max(0, Math.min(HOUR_SECONDS, Math.floor(left)))
  return cached(request, found.der, 'application/pkix-crl', seconds)
}

function cached(request: Request, body: Buffer, type: string, seconds: number): Response {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  const headers = { etag, 'cache-control': `public, max-age=${seconds}` }
  const known = request.headers.get('if-none-match')?.split(/ *, */) ?? []
  if (known.includes(etag)) return new Response(null, { status: 304, headers })
  return new Response(new Uint8Array(body), {
    headers: { ...headers, 'content-type': type, 'content-length': String(body.length) },
  })
}
