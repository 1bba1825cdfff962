import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Registry } from 'prom-client'
import type { Database } from '../../shared/db/database.ts'
import type { DatabaseUrl } from '../../shared/db/servers.ts'
import { SLOT_CLASSES, type SlotClass } from '../../shared/mqtt/topics.ts'
import { createCaller } from './caller.ts'
import { Cron } from './cron.ts'
import { listenForHints } from './hints.ts'
import type { BrokerAddress } from './broker-stream.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { insertSlots, readSlots } from './queries.ts'
import { report } from './report.ts'
import { SlotKeeper } from './slot.ts'
import type { Triggers } from './triggers.ts'
import { Watch } from './watch.ts'
import { Windows } from './windows.ts'

export interface ConnectorOptions {
  readonly db: Database
  /** A direct connection, where NOTIFY is heard; without it polls and schedules alone serve. */
  readonly directUrl?: DatabaseUrl | undefined
  /** Where a function is called. */
  readonly urlOf: (functionName: string) => string
  readonly hop: { readonly kid: string; readonly root: Buffer }
  /** Name of the broker: `broker_endpoints.name`. */
  readonly broker: string
  readonly address: BrokerAddress
  readonly triggers: Triggers
  readonly registry: Registry
  readonly log: Log
  readonly now?: () => number
  /** The stream to a broker within the process broke: the process is to end. */
  readonly onStreamLost?: (error: Error) => void
  /** How long a call may take; shorter in tests only. */
  readonly callDeadlineMs?: number
}

export interface Connector {
  /** Resolves when this process holds every slot for the first time; a standby's does not, until it takes over. */
  readonly held: Promise<void>
  /** Finishes what is under way, for at most `graceMs`, flushes, frees the leases, disconnects. */
  close(graceMs?: number): Promise<void>
}

const GRACE_MS = 4000

/** Starts a connector: slots of one broker, ticks of all schedules. */
export async function startConnector(options: ConnectorOptions): Promise<Connector> {
  const { db, log, urlOf, hop, address, triggers, registry, now = Date.now } = options
  const holder = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const metrics = createMetrics(registry)
  const caller = createCaller({ urlOf, hop })
  const alone = 'stream' in address
  const cron = new Cron({ db, caller, metrics, log, now, holder, alone }, triggers.schedules)
  const keepers = await makeKeepers(options, { caller, metrics, now, holder })
  const keeperOf = (slot: number) => keepers.find((each) => each.slot === slot)
  const onGone = (slot: number, epoch: bigint) => keeperOf(slot)?.heardGone(epoch)
  const watch = 'url' in address ? new Watch({ address, holder, metrics, onGone }) : undefined
  const hints = listenForHints(options.directUrl, log, {
    onOutbox: (slot) =>
      void keeperOf(slot)
        ?.session?.poll()
        .catch(() => undefined),
    onKick: (functionName) => cron.kick(functionName),
  })
  watch?.start()
  for (const keeper of keepers) keeper.start()
  await cron.start()
  const stopReport = report({ db, log, metrics, keepers, watch })
  return {
    held: Promise.all(keepers.map((keeper) => keeper.held)).then(() => undefined),
    close: async (graceMs = GRACE_MS) => {
      stopReport()
      await Promise.all([
        hints.close(),
        cron.close(graceMs),
        ...keepers.map((each) => each.close(graceMs)),
      ])
      await watch?.close()
      caller.close()
    },
  }
}

async function makeKeepers(
  options: ConnectorOptions,
  made: Pick<ConstructorParameters<typeof SlotKeeper>[0], 'caller' | 'metrics' | 'now'> & {
    holder: string
  },
): Promise<SlotKeeper[]> {
  const { db, log, broker, address, triggers, callDeadlineMs, onStreamLost } = options
  const { holder, ...rest } = made
  const deps = { db, log, windows: new Windows(made.metrics), ...rest }
  await db.rows(insertSlots, [broker, SLOT_CLASSES])
  const rows = await db.rows(readSlots, [broker])
  return rows.flatMap(({ slot, class: name }) => {
    const slotClass = classNamed(name)
    if (slotClass === undefined) return []
    const slotOptions = {
      broker,
      address,
      slot,
      slotClass,
      holder,
      onStreamLost,
      triggers: triggers.topics[slotClass],
    }
    return [
      new SlotKeeper(
        callDeadlineMs === undefined ? deps : { ...deps, callDeadlineMs },
        slotOptions,
      ),
    ]
  })
}

const classNamed = (name: string): SlotClass | undefined =>
  SLOT_CLASSES.find((known) => known === name)
