import { generateKeyPairSync } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { only, TAG } from './der-read.ts'
import { openIssuer, readPrivateKey } from './issuer.ts'
import { readKey } from './key.ts'
import { signClaimCertificate } from './leaf-certificates.ts'
import { certificatePem, fromPem } from './pem.ts'

export interface ClaimDeps {
  readonly clock: Clock
  readonly secret: (name: string) => Promise<Buffer | undefined>
  readonly passphrase: () => Promise<string | undefined>
}

/** A claim certificate and its key, which nobody keeps: it is in this answer only. All PEM. */
export interface Claim {
  readonly certificate: string
  readonly chain: string
  readonly private_key: string
}

/** Makes a claim certificate below the claim root, valid for these days. Throws ca.unavailable where its key is not mounted. */
export async function signClaim(
  deps: ClaimDeps,
  { name, days }: { name: string; days: number },
): Promise<Claim> {
  const root = await deps.secret('claim-ca-certificate')
  const key = await deps.secret('claim-ca-key')
  if (!root || !key) {
    throw new DomainError('ca.unavailable', {}, { cause: new Error('no claim key is mounted') })
  }
  const chain = root.toString('utf8')
  const issuer = openIssuer(
    fromPem(chain, 'CERTIFICATE'),
    readPrivateKey(key, await deps.passphrase()),
  )
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const certificate = signClaimCertificate(issuer, {
    key: readKey(spki, only(spki, TAG.sequence)),
    now: deps.clock.now(),
    name,
    days,
  })
  return {
    certificate: certificatePem(certificate.der),
    chain: chain.endsWith('\n') ? chain : `${chain}\n`,
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
