import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Database } from '../../shared/db/database.ts'
import { certificatePem } from '../../shared/pki/pem.ts'
import { nextCrlFile } from './crl-file.ts'
import {
  deviceAcl,
  mosquittoConf,
  serviceAcl,
  type MosquittoFiles,
  type MosquittoOptions,
} from './mosquitto.ts'
import { readBrokerAuthorities, readBrokerCrls, readOperatorTopics } from './queries.ts'
import { readIfThere, replaceFile } from './replace-file.ts'

/** The broker's files by name. Certificate and key of the server, and the services' authority, are put there by the operator. */
export function brokerFiles(folder: string): MosquittoFiles {
  const file = (name: string) => path.join(folder, name)
  return {
    deviceCa: file('device-ca.pem'),
    crl: file('device-crl.pem'),
    serviceCa: file('service-ca.pem'),
    serverCert: file('server.pem'),
    serverKey: file('server.key'),
    deviceAcl: file('device.acl'),
    serviceAcl: file('service.acl'),
    pid: file('mosquitto.pid'),
    persistence: file('data'),
  }
}

export const CONFIGURATION = 'mosquitto.conf'

/** Writes what Mosquitto needs before it starts: configuration, authorities, CRLs and rights, as the database has them. */
export async function prepareBroker(
  { db, now }: { db: Database; now: Date },
  folder: string,
  options: Omit<MosquittoOptions, 'files'>,
): Promise<MosquittoFiles> {
  const files = brokerFiles(folder)
  await mkdir(files.persistence, { recursive: true })
  const authorities = await db.rows(readBrokerAuthorities, [])
  const topics = await db.rows(readOperatorTopics, [])
  const crl = nextCrlFile(await readIfThere(files.crl), await db.rows(readBrokerCrls, []), now)
  const texts = {
    [files.deviceCa]: authorities.map(({ certificate }) => certificatePem(certificate)).join(''),
    [files.crl]: crl.pem,
    [files.deviceAcl]: deviceAcl(topics),
    [files.serviceAcl]: serviceAcl(topics),
    [path.join(folder, CONFIGURATION)]: mosquittoConf({ ...options, files }),
  }
  for (const [file, text] of Object.entries(texts)) await replaceFile(file, text)
  return files
}
