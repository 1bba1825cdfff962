import { parseArgs } from 'node:util'
import { ConfigError, optionFields, optionName, type ConfigSource } from '../../shared/config.ts'
import { EXIT, StartFault } from '../embedded/start/fault.ts'
import { didYouMean } from './command/suggest.ts'
import { run } from '../embedded/start/run.ts'

const USAGE = 2
const FAILED = 1

/** Options of `start`: every setting but secrets, by its name in small letters. */
export function startOptions(): string[] {
  return optionFields().map(optionName)
}

function parseOptions(args: readonly string[]): NonNullable<ConfigSource['options']> {
  const options = Object.fromEntries(
    startOptions().map((name) => [name, { type: 'string' as const }]),
  )
  const { values } = parseArgs({ args: [...args], options, strict: true })
  const named = optionFields().flatMap((field) => {
    const value = values[optionName(field)]
    return typeof value === 'string' ? [[field, value] as const] : []
  })
  return Object.fromEntries(named)
}

function isUsage(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error)) return false
  return typeof error.code === 'string' && error.code.startsWith('ERR_PARSE_ARGS')
}

function helpText(): string {
  return [
    'runs Muster here, until Ctrl-C',
    '',
    '  muster start [--SETTING VALUE…]',
    '',
    'Options, each in place of its variable (--edge-port of EDGE_PORT); docs/configuration.md says what they are',
    ...startOptions().map((name) => `  --${name}`),
    '',
  ].join('\n')
}

/** What the parser says, and which option was probably meant. */
function usageText(error: Error): string {
  const [line = ''] = error.message.split('\n')
  const wrong = /^Unknown option '(--[^']+)'/.exec(line)?.[1]
  const names = startOptions().map((name) => `--${name}`)
  const near = wrong === undefined ? '' : didYouMean(wrong, names)
  const said = wrong === undefined ? line : `unknown option ${wrong}${near}`
  return `${said} (see muster start --help)`
}

const refuse = (line: string): void => void process.stderr.write(`muster: ${line}\n`)

/** Starts Muster, runs until it is asked to stop, and ends the process. A refusal is one line. */
export async function start(args: readonly string[]): Promise<never> {
  const code = await startAndStop(args)
  // Everything is closed by now; a timer that some part left behind must not hold the process.
  process.exit(code)
}

async function startAndStop(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(helpText())
    return 0
  }
  try {
    const options = parseOptions(args)
    return await run({ env: process.env, options }, (text) => process.stdout.write(`${text}\n`))
  } catch (error) {
    if (error instanceof StartFault) {
      refuse(error.message)
      return error.exitCode
    }
    if (error instanceof ConfigError) {
      refuse(error.message)
      return USAGE
    }
    if (isUsage(error)) {
      refuse(usageText(error))
      return USAGE
    }
    // Free a moment ago, when all three were looked at.
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      refuse(`a port was taken meanwhile (${error.message})`)
      return EXIT.portsInUse
    }
    // A fault of Muster's own: whoever reports it needs the whole of it. What was half started must not hold the process.
    refuse(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return FAILED
  }
}
