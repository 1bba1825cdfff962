import { readFile } from 'node:fs/promises'
import type { Database } from '../../shared/db/database.ts'
import { issueCertificates, type IssueRequest } from '../../shared/enrollment/issue.ts'
import { gather } from '../../shared/gather.ts'
import type { Host } from '../../shared/host.ts'
import type { ServeDeps } from '../../shared/http/serve.ts'
import { createSigner, type Signer } from '../../shared/pki/signer.ts'

export interface Deps extends ServeDeps {
  readonly db: Database
  readonly signer: Signer
  readonly issue: (request: IssueRequest) => Promise<Buffer>
  readonly secret: (name: string) => Promise<Buffer | undefined>
  readonly passphrase: () => Promise<string | undefined>
}

const MOST = 200

export async function createDeps(host: Host): Promise<Deps> {
  const { db, clock, log, hop, config } = host
  const secret = (name: string) => host.secret(name)
  const passphrase = async () =>
    config.passphraseFile === undefined
      ? undefined
      : (await readFile(config.passphraseFile, 'utf8')).replace(/[\r\n]+$/, '')
  const signer = createSigner({ db, clock, secret, passphrase })
  // Authorities of the ceremony are entered now; without a key, health says so and nothing else fails.
  await signer.all().catch((error: unknown) => log.warn({ err: error }, 'no issuing key'))
  const issue = gather<IssueRequest, Buffer>(MOST, (requests) =>
    issueCertificates({ db, clock, signer }, requests),
  )
  return { db, clock, log, hop, signer, issue, secret, passphrase }
}
