import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Duplex } from 'node:stream'
import { certificateEnds } from '../../shared/metrics.ts'

/** A broker that is reached over TCP or TLS, by MQTT 5; files are read again at each connect. */
export interface RemoteBroker {
  readonly url: string
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

/** How the broker is reached. */
export type BrokerAddress =
  | RemoteBroker
  /** MQTT 3.1.1 over a stream within the process. */
  | { readonly stream: (clientId: string) => Duplex }

/** Opens a stream to the broker; what is written before it is connected waits. */
export function openBrokerStream(address: BrokerAddress, clientId: string): Duplex {
  if ('stream' in address) return address.stream(clientId)
  const url = new URL(address.url)
  const secure = url.protocol === 'mqtts:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (secure ? 8883 : 1883))
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = secure
    ? noteBroker(connectTls({ host, port, ...servername, ...tlsFiles(address) }))
    : connectTcp({ host, port })
  // Without it a PUBACK waits up to 40 ms for company.
  socket.setNoDelay(true)
  return socket
}

function noteBroker(socket: TLSSocket): TLSSocket {
  return socket.once('secureConnect', () => {
    const ends = socket.getPeerX509Certificate()?.validToDate
    if (ends !== undefined) certificateEnds.set({ of: 'broker' }, ends.getTime() / 1000)
  })
}

/** Tells when the certificate in the file ends, which the next connection will show; a file that is missing is the connection's to tell. */
export function noteOwnCertificate(address: BrokerAddress): void {
  if ('stream' in address || address.certFile === undefined) return
  try {
    const { validToDate } = new X509Certificate(readFileSync(address.certFile))
    certificateEnds.set({ of: 'connector' }, validToDate.getTime() / 1000)
  } catch {
    certificateEnds.set({ of: 'connector' }, 0)
  }
}

function tlsFiles({ caFile, certFile, keyFile }: RemoteBroker) {
  return {
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}

/** User name and password of the address, if it has any. */
export function credentialsOf(address: BrokerAddress): { username?: string; password?: Buffer } {
  if ('stream' in address) return {}
  const { username, password } = new URL(address.url)
  if (username === '') return {}
  return {
    username: decodeURIComponent(username),
    password: Buffer.from(decodeURIComponent(password)),
  }
}
