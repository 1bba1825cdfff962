import { createServer } from 'node:net'
import { EXIT, StartFault } from './fault.ts'

export interface WantedPort {
  readonly name: 'EDGE_PORT' | 'MQTTS_PORT' | 'GATEWAY_PORT'
  readonly host: string
  readonly port: number
}

function problemOf({ host, port }: WantedPort): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** `::` where the kernel has IPv6, which takes IPv4 too; else all of IPv4. Another address stays as it is. */
export async function usableHost(host: string): Promise<string> {
  if (host !== '::') return host
  const problem = await problemOf({ name: 'EDGE_PORT', host, port: 0 })
  return problem === 'EAFNOSUPPORT' || problem === 'EADDRNOTAVAIL' ? '0.0.0.0' : host
}

/**
 * Looks whether all ports can be had, before anything is made.
 * @throws {StartFault} that names every one that is taken, and others to take
 */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const found = await Promise.all(
    wanted.map(async (each) => ({ ...each, problem: await problemOf(each) })),
  )
  const other = found.find(({ problem }) => problem !== undefined && problem !== 'EADDRINUSE')
  if (other?.problem === 'EACCES')
    throw new StartFault(EXIT.portsInUse, `${other.name}=${other.port} needs privileges`)
  if (other !== undefined)
    throw new StartFault(EXIT.portsInUse, `cannot listen on ${other.host} (${other.problem})`)
  const taken = found.filter(({ problem }) => problem !== undefined)
  if (taken.length === 0) return
  const list = taken.map(({ name, port }) => `${port} (${name})`).join(', ')
  const instead = taken.map(({ name, port }) => `${name}=${port + 1}`).join(' ')
  throw new StartFault(EXIT.portsInUse, `ports in use: ${list}; e.g. ${instead} npm start`)
}
