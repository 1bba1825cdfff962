// The edge agent, beside one HAProxy. `prepare` writes HAProxy's files and ends; without a word it keeps them, until SIGTERM.
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { ConfigError, loadConfig, type Config } from '../../shared/config.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { createLogger } from '../../shared/log.ts'
import { readSecret, SecretFault } from '../../shared/secret.ts'
import { CrlFault } from '../broker/crl-file.ts'
import { parseHopRoot } from '../connector/hop-root.ts'
import { startEdgeAgent } from './agent.ts'
import { prepareEdge } from './prepare.ts'
import type { EdgeSources } from './state.ts'

const ROLE = 'muster_edge'
const NAME = 'edge'
const USAGE = 2

/** What the operator gave cannot be used. */
class EdgeFault extends Error {}

interface Needed {
  readonly databaseUrl: string
  readonly folder: string
  readonly certFile: string
  readonly keyFile: string
}

/** @throws {ConfigError} naming all that is missing */
function neededOf(config: Config): Needed {
  const { databaseUrl, edgeFolder: folder, edgeCertFile: certFile, edgeKeyFile: keyFile } = config
  if (databaseUrl && folder && certFile && keyFile) {
    return { databaseUrl, folder, certFile, keyFile }
  }
  const given = {
    DATABASE_URL: databaseUrl,
    EDGE_FOLDER: folder,
    EDGE_CERT_FILE: certFile,
    EDGE_KEY_FILE: keyFile,
  }
  const missing = Object.entries(given).filter(([, value]) => value === undefined)
  throw new ConfigError(missing.map(([shown]) => ({ shown, problem: 'missing' })))
}

const secret = (name: string) => readSecret(name, { env: process.env, functionName: NAME })

function sourcesOf({ certFile, keyFile }: Needed): EdgeSources {
  return {
    certificate: async () => {
      const [cert, key] = await Promise.all(
        [certFile, keyFile].map((each) => readFile(each, 'utf8')),
      )
      // HAProxy would not start with a pair that does not belong together; while one of two files is replaced, the old pair stays.
      try {
        createSecureContext({ cert, key })
      } catch (error) {
        const text = `${certFile} and ${keyFile} are no certificate and its key`
        throw new EdgeFault(text, { cause: error })
      }
      return { cert: cert ?? '', key: key ?? '' }
    },
    hop: () => {
      const root = secret('hop-root')
      if (root === undefined) throw new EdgeFault('HOP_ROOT is missing')
      return parseHopRoot(root)
    },
    claimAuthority: () => secret('claim-ca-certificate')?.toString('utf8'),
  }
}

async function keep(config: Config, db: Database, needed: Needed): Promise<void> {
  const log = createLogger(config.logLevel)
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const agent = await startEdgeAgent({
    db,
    directUrl: config.databaseDirectUrl,
    folder: needed.folder,
    run: config.edgeRun,
    sources: sourcesOf(needed),
    log,
  })
  log.info({ folder: needed.folder }, 'edge agent started')
  await stopped
  await agent.close()
}

async function main(): Promise<void> {
  const config = loadConfig({ env: process.env, functionName: NAME })
  const needed = neededOf(config)
  const direct = config.databaseDirectUrl === needed.databaseUrl
  await using db = openDatabase({
    url: needed.databaseUrl,
    connections: 2,
    name: 'muster edge',
    ...(direct && { role: ROLE }),
  })
  if (process.argv[2] === 'prepare')
    await prepareEdge({ db, now: new Date() }, needed.folder, sourcesOf(needed))
  else await keep(config, db, needed)
}

function isUsage(error: unknown): error is Error {
  const kinds = [ConfigError, CrlFault, EdgeFault, SecretFault]
  const noFile = error instanceof Error && 'code' in error && error.code === 'ENOENT'
  return noFile || kinds.some((kind) => error instanceof kind)
}

try {
  await main()
} catch (error) {
  if (!isUsage(error)) throw error
  process.stderr.write(`edge agent: ${error.message}\n`)
  process.exitCode = USAGE
}
