import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { countFleet, type FleetNumbers } from './numbers.ts'
import { readSample, writeSample } from './sample-queries.ts'

interface SampleDeps {
  readonly db: Db
  readonly clock: Clock
}

export interface FleetSample {
  readonly at: Date
  readonly numbers: FleetNumbers
}

/** Counts the fleet and leaves the numbers for whoever scrapes: one count a tick, however many ask. */
export async function sampleFleet(deps: SampleDeps): Promise<void> {
  const at = deps.clock.now()
  const numbers = await countFleet(deps)
  await deps.db.rows(writeSample, [at, JSON.stringify(numbers)])
}

/** What the last tick counted; undefined before the first. */
export async function readFleetSample({ db }: SampleDeps): Promise<FleetSample | undefined> {
  const row = await db.row(readSample, [])
  if (row === undefined) return undefined
  // Written by sampleFleet alone, of the same version or one that only added to it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { at: row.at, numbers: row.numbers as FleetNumbers }
}
