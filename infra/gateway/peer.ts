import type { TLSSocket } from 'node:tls'
import type { CertificateVerdict } from '../../shared/hop/canonical.ts'
import { plainAddress } from './source-limit.ts'
import { judge, type Anchors } from './verdict.ts'

/** Who is at the other end of a connection. */
export interface Peer {
  readonly source: string
  readonly verdict: CertificateVerdict
  /** DER of the certificate whose key the client has, whatever the verdict. */
  readonly certificate?: Buffer
  /** tls-unique (RFC 5929); TLS 1.3 has none. */
  readonly binding?: Buffer
}

/** Looks at a connection once its handshake is done. */
export function peerOf(socket: TLSSocket, anchors: Anchors, now: Date): Peer {
  const certificate = socket.getPeerX509Certificate()
  const binding = socket.getProtocol() === 'TLSv1.2' ? tlsUnique(socket) : undefined
  return {
    source: plainAddress(socket.remoteAddress),
    verdict: judge(anchors, certificate, now),
    ...(certificate && { certificate: certificate.raw }),
    ...(binding && { binding }),
  }
}

// RFC 5929 §3.1: the first Finished message of the handshake: the client's in a full one, ours in a resumed one.
function tlsUnique(socket: TLSSocket): Buffer | undefined {
  return socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished()
}
