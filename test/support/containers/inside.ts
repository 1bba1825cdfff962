// Runs in the containers' network namespace. Unix sockets lead out of it: FOLDER/<port>.sock is that port of its loopback.
// Beside them the gateway's stand-in on port 8080, over the functions that are told as name=port.
// inside.ts FOLDER PORTS name=port…
import { chmodSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import { startGatewayStandIn } from '../gateway-stand-in/server.ts'

const [folder = '', ports = '', ...functions] = process.argv.slice(2)

for (const port of ports.split(',').map(Number)) {
  const server = createServer((socket) => {
    const inner = connect(port, '127.0.0.1')
    inner.pipe(socket).pipe(inner)
    inner.on('error', () => socket.destroy())
    socket.on('error', () => inner.destroy())
  })
  const file = path.join(folder, `${port}.sock`)
  server.listen(file)
  await once(server, 'listening')
  chmodSync(file, 0o600)
}

const endpoints = new Map(
  functions.map((each) => {
    const [name = '', port = ''] = each.split('=')
    return [name, [`127.0.0.1:${port}`]] as const
  }),
)
const fixed = () => false
await startGatewayStandIn({
  port: 8080,
  provider: {
    list: () => [],
    endpoints: (name) => endpoints.get(name),
    deploy: fixed,
    update: fixed,
    scale: fixed,
    remove: fixed,
    secrets: new Map(),
  },
})
process.stdout.write('ready\n')
