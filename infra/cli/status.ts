import type { Api } from './api/client.ts'
import { EXIT } from './exit.ts'
import { PARTS, readHealth } from './health.ts'
import { printItem, printItems } from './output.ts'
import type { Session } from './session.ts'
import { grouped } from './terminal/text.ts'
import type { SessionCommand } from './verbs.ts'
import { commandVersion } from './version.ts'

async function count(api: Api, q: string): Promise<number> {
  const page = await api.page('devices', { q, count: true, limit: 1 })
  return Number(page['count'] ?? 0)
}

/** The fleet in numbers, each by a query that a person can repeat. */
export async function fleetNumbers(api: Api): Promise<Record<string, number>> {
  const queries = {
    devices: 'all',
    active: 'status = active',
    suspended: 'status = suspended',
    decommissioned: 'status = decommissioned',
    connected: 'connected',
    certificates_ending: 'status = active and cert_expires < 14d from now',
  }
  const numbers: Record<string, number> = {}
  for (const [name, query] of Object.entries(queries)) numbers[name] = await count(api, query)
  return numbers
}

async function status(session: Session): Promise<number> {
  const health = await readHealth(session)
  const numbers = await fleetNumbers(await session.api())
  const people = session.format === 'table' || session.format === 'wide'
  if (people) {
    const { url } = await session.server()
    session.out.write(`${url.origin}: ${health.status}\n`)
    printItems(session, PARTS, health.parts)
    const shown = Object.entries(numbers).map(([name, each]) => [name, grouped(each)])
    printItem(session, Object.fromEntries(shown))
  } else printItem(session, { ...health, fleet: numbers })
  return health.status === 'failed' ? EXIT.unreachable : EXIT.ok
}

export const statusCommand: SessionCommand = {
  path: ['status'],
  summary: 'what runs, and the fleet in numbers',
  run: status,
}

export const versionCommand: SessionCommand = {
  path: ['version'],
  summary: 'the version of this command',
  run: async (session) => {
    const version = await commandVersion()
    if (session.format === 'table') session.out.write(`muster ${version}\n`)
    else printItem(session, { version, node: process.versions.node })
  },
}
