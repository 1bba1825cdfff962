import type { Config } from '../../../shared/config.ts'
import { DomainError } from '../../../shared/errors.ts'
import { openStore } from '../../../shared/storage/open.ts'
import { EXIT, StartFault } from './fault.ts'
import { waitFor } from './reach.ts'

function reasonOf(error: DomainError): string {
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message
}

/**
 * Looks whether the object store can be used, and makes the bucket where there is none.
 * @throws {StartFault}
 */
export async function checkStore(config: Config): Promise<void> {
  const { s3Endpoint } = config
  if (s3Endpoint !== undefined)
    await waitFor('S3_ENDPOINT', s3Endpoint, s3Endpoint.startsWith('https:') ? 443 : 80)
  const store = await openStore(config)
  try {
    await store.check()
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    if (error.code === 'storage.full') return
    const line = `${s3Endpoint === undefined ? 'objects' : 'S3_ENDPOINT'}: ${reasonOf(error)}`
    throw new StartFault(EXIT.unreachable, line, { cause: error })
  }
}
