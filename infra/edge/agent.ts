import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../shared/db/database.ts'
import { listenForHints } from '../broker/hints.ts'
import type { EdgeFile } from './files.ts'
import { prepareEdge } from './prepare.ts'
import { markEdge } from './queries.ts'
import { openRuntime, PAYLOAD_BYTES, RuntimeFault, RuntimeGone, type Runtime } from './runtime.ts'
import type { EdgeSources } from './state.ts'

export interface EdgeAgentLog {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface EdgeAgentOptions {
  /** As role `edge`. */
  readonly db: Database
  /** A direct connection, where NOTIFY is heard; without it polls alone serve. */
  readonly directUrl?: string | undefined
  readonly folder: string
  /** Folder of HAProxy's sockets. */
  readonly run: string
  readonly sources: EdgeSources
  readonly log: EdgeAgentLog
  readonly now?: () => Date
  readonly pollMs?: number
}

export interface EdgeAgent {
  /** Looks once; what it finds wrong is in the log and in health. */
  look(): Promise<void>
  close(): Promise<void>
}

const POLL_MS = 5_000
const MARK_MS = 15_000
const DAY_MS = 86_400_000
const WARN_DAYS = 14
// A reload starts a process that reads everything; several changes in a row are one.
const RELOAD_MS = 2_000

/** Keeps HAProxy's files in step with database and secrets, and tells HAProxy by its socket, or by a reload where that cannot be. */
export async function startEdgeAgent(options: EdgeAgentOptions): Promise<EdgeAgent> {
  const agent = new Agent(options)
  await agent.begin()
  return agent
}

class Agent implements EdgeAgent {
  readonly #options: EdgeAgentOptions
  readonly #runtime: Runtime
  readonly #stop = new AbortController()
  /** Files that HAProxy has not been told of. */
  readonly #untold = new Set<EdgeFile>()
  #problem: string | null = null
  #markedAt = 0
  #marked: string | null = null
  #looking: Promise<void> = Promise.resolve()
  #running: Promise<void> | undefined
  #hints: { close: () => Promise<void> } | undefined

  constructor(options: EdgeAgentOptions) {
    this.#options = options
    this.#runtime = openRuntime(options.folder, options.run)
  }

  async begin(): Promise<void> {
    await this.look()
    this.#hints = listenForHints(this.#options.directUrl, {
      onCrl: () => void this.look(),
      onDevice: () => undefined,
    })
    this.#running = this.#poll()
  }

  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookOnce())
    return this.#looking
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#hints?.close()
    await this.#running
    await this.#looking
  }

  get #now(): Date {
    return this.#options.now?.() ?? new Date()
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(this.#options.pollMs ?? POLL_MS, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await this.look()
    }
  }

  async #lookOnce(): Promise<void> {
    const { db, folder, sources, log } = this.#options
    let problem: string | null
    try {
      for (const file of await prepareEdge({ db, now: this.#now }, folder, sources))
        this.#untold.add(file)
      await this.#tell()
      problem = await this.#certificateProblem()
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      if (problem !== this.#problem) log.error({ err: error }, 'edge agent')
    }
    this.#problem = problem
    await this.#mark()
  }

  async #tell(): Promise<void> {
    if (this.#untold.size === 0) return
    const { folder, log } = this.#options
    const files = [...this.#untold]
    const texts = new Map<EdgeFile, string>()
    for (const file of files) texts.set(file, await readFile(path.join(folder, file), 'utf8'))
    try {
      await this.#tellAll(texts)
      log.info({ files }, 'edge told')
    } catch (error) {
      // Whoever does not run reads the files at its start.
      if (!(error instanceof RuntimeGone)) throw error
    }
    this.#untold.clear()
  }

  async #tellAll(texts: ReadonlyMap<EdgeFile, string>): Promise<void> {
    if ([...texts.values()].some((text) => text.length > PAYLOAD_BYTES))
      return this.#reload('a file is too large for the socket')
    if (texts.has('server.pem')) return this.#reload('a new server certificate')
    try {
      for (const [file, text] of texts)
        if (file !== 'server.pem') await this.#runtime.tell(file, text)
    } catch (error) {
      if (!(error instanceof RuntimeFault)) throw error
      return this.#reload(error.message)
    }
    return undefined
  }

  async #reload(reason: string): Promise<void> {
    this.#options.log.info({ reason }, 'edge reloaded')
    await this.#runtime.reload()
    await sleep(RELOAD_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined)
  }

  async #certificateProblem(): Promise<string | null> {
    const pem = await readFile(path.join(this.#options.folder, 'server.pem'), 'utf8')
    const left = Date.parse(new X509Certificate(pem).validTo) - this.#now.getTime()
    if (left < 0) return "the server's certificate has expired"
    if (left > WARN_DAYS * DAY_MS) return null
    return `warning: the server's certificate ends in ${Math.floor(left / DAY_MS)} days`
  }

  async #mark(): Promise<void> {
    const now = this.#now
    const due = now.getTime() - this.#markedAt >= MARK_MS || this.#marked !== this.#problem
    if (!due) return
    this.#markedAt = now.getTime()
    this.#marked = this.#problem
    await this.#options.db.rows(markEdge, [now, this.#problem]).catch(() => undefined)
  }
}
