// A name server of the test's own: every name is one IPv4 address, until it is told otherwise.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface NameServer extends AsyncDisposable {
  readonly port: number
  /** Addresses that names have from now on; none: there is no such address. */
  say(addresses: readonly string[]): void
}

const HEAD_BYTES = 12
const TYPE_A = 1

/** RFC 1035 §4: the question again, and an address record for each address where A was asked. */
function answer(query: Buffer, addresses: readonly string[]): Buffer {
  const end = query.indexOf(0, HEAD_BYTES) + 1
  const question = query.subarray(HEAD_BYTES, end + 4)
  const found = query.readUInt16BE(end) === TYPE_A ? addresses : []
  const head = Buffer.alloc(HEAD_BYTES)
  query.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x81_80, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(found.length, 6)
  const records = found.map((address) => {
    const fixed = Buffer.from('c00c00010001000000010004', 'hex')
    return Buffer.concat([fixed, Buffer.from(address.split('.').map(Number))])
  })
  return Buffer.concat([head, question, ...records])
}

export async function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4')
  let known: readonly string[] = ['127.0.0.1']
  socket.on('message', (query, from) => socket.send(answer(query, known), from.port, from.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    say: (addresses) => {
      known = addresses
    },
    [Symbol.asyncDispose]: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
}
