// A host of one function for tests: its own database role, the variables of its environment.
import type { Host } from '../../shared/host.ts'
import { functionHost } from './function-host.ts'
import type { TestDatabase } from './postgres.ts'

export function testHost(
  name: string,
  cloned: TestDatabase,
  env: Record<string, string> = {},
): Host {
  return functionHost(name, cloned, { env })
}
