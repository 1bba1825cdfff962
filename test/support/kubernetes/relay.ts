// Joins a unix socket to an address, byte by byte: how this machine reaches into the cluster's network, and nothing else does.
// node relay.ts SOCKET HOST PORT
import { connect, createServer } from 'node:net'

const [file = '', host = '', port = ''] = process.argv.slice(2)
const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host, port: Number(port), allowHalfOpen: true })
  near.on('error', () => far.destroy())
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
  near.pipe(far)
  far.pipe(near)
})
server.listen(file)
