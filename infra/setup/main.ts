// Sets up an installation whose parts run apart. `secrets` makes keys and authorities and gives each part its own;
// `database` brings the schema up to date and makes the logins; `migrate` the schema alone, which needs no keys. Each may run again at any time.
import { parseArgs } from 'node:util'
import { systemClock } from '../../shared/clock.ts'
import { ConfigError, loadConfig, type Config } from '../../shared/config.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { createLogger } from '../../shared/log.ts'
import { readPassphrase } from '../../shared/secret.ts'
import {
  openDataDirectory,
  readVersion,
  type DataDirectory,
} from '../embedded/start/data-directory.ts'
import { StartFault } from '../embedded/start/fault.ts'
import { functionNames } from '../function/names.ts'
import { migrate } from '../migrations/migrate.ts'
import { setUpDatabase } from './database.ts'
import { setUpSecrets } from './secrets.ts'

const USAGE = 2
const OWNER = '1000'
const KID = /^[A-Za-z0-9_-]{1,32}$/
const USAGE_TEXT =
  'usage: setup secrets --parts DIR [--database HOST:PORT/NAME] [--broker NAME] [--owner UID] [--hop-kids KID[,KID]] | setup database | setup migrate\n'

interface Given {
  readonly parts: string | undefined
  readonly database: string
  readonly broker: string
  readonly owner: number
  readonly hopKids: readonly [string, ...string[]] | undefined
}

function given(): { verb: string | undefined; options: Given } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      parts: { type: 'string' },
      database: { type: 'string', default: 'postgres:5432/muster' },
      broker: { type: 'string', default: 'broker' },
      owner: { type: 'string', default: OWNER },
      'hop-kids': { type: 'string' },
    },
  })
  const { parts, database, broker, owner } = values
  const hopKids = kidsOf(values['hop-kids'])
  const options = { parts, database, broker, owner: Number(owner), hopKids }
  return { verb: positionals[0], options }
}

/** @throws {ConfigError} unless it is one name, or two that differ */
function kidsOf(text: string | undefined): Given['hopKids'] {
  if (text === undefined) return undefined
  const [first = '', second, ...others] = text.split(',')
  const kids = second === undefined ? ([first] as const) : ([first, second] as const)
  const sound = kids.every((kid) => KID.test(kid)) && first !== second && others.length === 0
  if (!sound)
    throw new ConfigError([
      { shown: '--hop-kids', problem: 'is not KID or KID,KID, of letters, digits, _ and -' },
    ])
  return kids
}

async function makeParts(config: Config, data: DataDirectory, options: Given): Promise<string> {
  const { parts = '', database, broker, owner, hopKids } = options
  const { made } = await setUpSecrets({
    data,
    parts,
    functions: await functionNames(),
    publicNames: config.publicNames,
    brokerName: broker,
    database,
    owner,
    passphrase: readPassphrase(config.passphraseFile),
    hopKids,
    now: systemClock.now(),
  })
  return made ? 'keys and authorities made' : 'keys and authorities kept'
}

async function makeDatabase(config: Config, data: DataDirectory): Promise<string> {
  const { applied } = await setUpDatabase({
    config,
    data,
    parts: [...(await functionNames()), 'connector', 'broker-agent', 'edge'],
    log: createLogger(config.logLevel),
    passphrase: readPassphrase(config.passphraseFile),
    now: systemClock.now(),
  })
  return `database set up, ${applied} migrations applied`
}

async function migrateOnly(config: Config): Promise<number> {
  const url = config.databaseDirectUrl ?? ''
  await using db = openDatabase({ url, connections: 1, name: 'muster migrate' })
  const { applied } = await migrate(db)
  process.stdout.write(`setup: ${applied} migrations applied\n`)
  return 0
}

async function main(): Promise<number> {
  const { verb, options } = given()
  const sound =
    (verb === 'secrets' && options.parts !== undefined) || verb === 'database' || verb === 'migrate'
  if (!sound || !Number.isInteger(options.owner)) {
    process.stderr.write(USAGE_TEXT)
    return USAGE
  }
  const config = loadConfig({ env: process.env, functionName: 'setup' })
  if (verb !== 'secrets' && config.databaseUrl === undefined)
    throw new ConfigError([{ shown: 'DATABASE_URL', problem: 'missing' }])
  if (verb === 'migrate') return migrateOnly(config)
  const version = await readVersion()
  const data = await openDataDirectory(config.dataDirectory, version, config.diskFreeMinBytes)
  try {
    const done = verb === 'secrets' ? makeParts(config, data, options) : makeDatabase(config, data)
    process.stdout.write(`setup: ${await done}\n`)
    return 0
  } finally {
    await data.release(systemClock.now())
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  const parse =
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (!(error instanceof ConfigError || error instanceof StartFault || parse)) throw error
  process.stderr.write(`setup: ${error.message}\n`)
  process.exitCode = error instanceof StartFault ? error.exitCode : USAGE
}
