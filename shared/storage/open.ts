import path from 'node:path'
import type { Config } from '../config.ts'
import { openFiles } from './files.ts'
import type { ObjectStore } from './store.ts'

type StorageConfig = Pick<
  Config,
  | 'dataDirectory'
  | 'diskFreeMinBytes'
  | 's3Endpoint'
  | 's3Region'
  | 's3Bucket'
  | 's3AccessKey'
  | 's3SecretKey'
>

/** The store that the configuration names: S3, or files of the data directory. */
export async function openStore(config: StorageConfig): Promise<ObjectStore> {
  const { s3Endpoint, s3AccessKey = '', s3SecretKey = '' } = config
  if (s3Endpoint === undefined) {
    const folder = path.join(config.dataDirectory, 'objects')
    return openFiles({ folder, freeMinBytes: config.diskFreeMinBytes })
  }
  // Loaded only where it is used: it costs a function 75 ms of its start.
  const { openS3 } = await import('./s3.ts')
  return openS3({
    endpoint: s3Endpoint,
    region: config.s3Region,
    bucket: config.s3Bucket,
    accessKey: s3AccessKey,
    secretKey: s3SecretKey,
  })
}
