import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Registry } from 'prom-client'
import type { Database } from '../../shared/db/database.ts'
import type { DatabaseUrl } from '../../shared/db/servers.ts'
import { SLOT_CLASSES, type SlotClass } from '../../shared/mqtt/topics.ts'
import { createCaller, type CallerOptions } from './caller.ts'
import { Cron } from './cron.ts'
import { listenForHints } from './hints.ts'
import type { Cell } from './cells.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { holdingsOf, Peers } from './peers.ts'
import { insertSlots, readSlots } from './queries.ts'
import { report, type BrokerLimits } from './report.ts'
import type { SessionDeps } from './session.ts'
import { SlotKeeper } from './slot.ts'
import type { Triggers } from './triggers.ts'
import { Watch, type WatchOptions } from './watch.ts'
import { Windows } from './windows.ts'

export interface ConnectorOptions {
  readonly db: Database
  /** A direct connection, where NOTIFY is heard; without it polls and schedules alone serve. */
  readonly directUrl?: DatabaseUrl | undefined
  /** Where a function is called. */
  readonly urlOf: (functionName: string) => string
  readonly hop: CallerOptions['hop']
  /** The brokers whose slots it holds, or shares with other connectors. */
  readonly cells: readonly Cell[]
  readonly triggers: Triggers
  readonly registry: Registry
  readonly log: Log
  readonly now?: () => number
  /** The stream to a broker within the process broke: the process is to end. */
  readonly onStreamLost?: (error: Error) => void
  /** What each broker is set up to hold, told with its own numbers. */
  readonly limits?: BrokerLimits
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
const SAY_MS = 1000
/** Longer than others take to hear what changed by the last time. */
const SHARE_MS = 3000

/** Starts a connector: slots of all cells, shared with other connectors, and ticks of all schedules. */
export async function startConnector(options: ConnectorOptions): Promise<Connector> {
  const { db, log, urlOf, hop, cells, triggers, registry, now = Date.now } = options
  const holder = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const metrics = createMetrics(registry)
  const caller = createCaller({ urlOf, hop })
  const alone = cells.some(({ address }) => 'stream' in address)
  const cron = new Cron({ db, caller, metrics, log, now, holder, alone }, triggers.schedules)
  const keepers = await makeKeepers(options, { caller, metrics, now, holder })
  const keeperOf = (slot: number) => keepers.find((each) => each.slot === slot)
  const peers = new Peers(holder, now)
  const onGone = (slot: number, epoch: bigint) => keeperOf(slot)?.heardGone(epoch)
  const watches = makeWatches(cells, peers, { holder, metrics, onGone })
  const onOutbox = (slot: number) =>
    void keeperOf(slot)
      ?.session?.poll()
      .catch(() => undefined)
  const onKick = (functionName: string) => cron.kick(functionName)
  const hints = listenForHints(options.directUrl, log, { onOutbox, onKick })
  for (const watch of watches) watch.start()
  for (const keeper of keepers) keeper.start()
  await cron.start()
  const stopReport = report({ db, log, metrics, keepers, watches, cells, limits: options.limits })
  const stopSharing = share(peers, watches, keepers)
  return {
    held: Promise.all(keepers.map((keeper) => keeper.held)).then(() => undefined),
    close: async (graceMs = GRACE_MS) => {
      stopReport()
      stopSharing()
      await Promise.all([
        hints.close(),
        cron.close(graceMs),
        ...keepers.map((each) => each.close(graceMs)),
      ])
      await Promise.all(watches.map((watch) => watch.close()))
      caller.close()
    },
  }
}

/** A connection beside the slots' to each broker that others reach too. */
function makeWatches(
  cells: readonly Cell[],
  peers: Peers,
  common: Pick<WatchOptions, 'holder' | 'metrics' | 'onGone'>,
): Watch[] {
  return cells.flatMap(({ name: cell, address }) => {
    const onPeer = (text: string) => peers.hear(cell, text)
    return 'url' in address ? new Watch({ ...common, cell, address, onPeer }) : []
  })
}

/** Tells other connectors how much this one holds, and gives them what is more than its share. */
function share(
  peers: Peers,
  watches: readonly Watch[],
  keepers: readonly SlotKeeper[],
): () => void {
  const held = () => keepers.filter(({ session }) => session !== undefined)
  const saying = setInterval(() => {
    for (const watch of watches) watch.say(holdingsOf(held()))
  }, SAY_MS)
  const sharing = setInterval(() => {
    for (const keeper of peers.surplus(held())) void keeper.yield(GRACE_MS)
  }, SHARE_MS)
  return () => {
    clearInterval(saying)
    clearInterval(sharing)
  }
}

type Made = Pick<SessionDeps, 'caller' | 'metrics' | 'now'>

async function makeKeepers(
  options: ConnectorOptions,
  made: Made & { readonly holder: string },
): Promise<SlotKeeper[]> {
  const { db, log, cells, triggers, callDeadlineMs, onStreamLost } = options
  const { holder, ...rest } = made
  const windows = new Windows(made.metrics)
  const deps = {
    db,
    log,
    windows,
    ...rest,
    ...(callDeadlineMs !== undefined && { callDeadlineMs }),
  }
  const keepers: SlotKeeper[] = []
  for (const { name: broker, address } of cells) {
    await db.rows(insertSlots, [broker, SLOT_CLASSES])
    for (const { slot, class: name } of await db.rows(readSlots, [broker])) {
      const slotClass = classNamed(name)
      if (slotClass === undefined) continue
      const place = { broker, address, slot, slotClass, triggers: triggers.topics[slotClass] }
      keepers.push(new SlotKeeper(deps, { ...place, holder, onStreamLost }))
    }
  }
  return keepers
}

const classNamed = (name: string): SlotClass | undefined =>
  SLOT_CLASSES.find((known) => known === name)
