#!/usr/bin/env node
import { UsageError } from './command/command.ts'
import { help } from './command/help.ts'
import { parseCommandLine } from './command/parse.ts'
import { errorText, exitCodeOf, EXIT } from './exit.ts'
import { openSession } from './session.ts'
import { TREE } from './tree.ts'

// `muster list | head`: the reader is gone, and nothing is wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.refused)
})

async function main(argv: readonly string[]): Promise<number> {
  const interrupted = new AbortController()
  try {
    const parsed = parseCommandLine(TREE, argv[0] === '--version' ? ['version'] : argv)
    if (parsed.kind === 'help') {
      process.stdout.write(help(TREE, parsed.words))
      return EXIT.ok
    }
    const { command, input } = parsed
    // `start` and `demo` stop in order by themselves.
    if (!command.stops) {
      process.once('SIGINT', () => {
        interrupted.abort()
        process.exit(EXIT.interrupted)
      })
    }
    return (await command.run(openSession(input, interrupted.signal), input)) ?? EXIT.ok
  } catch (error) {
    process.stderr.write(errorText(error))
    if (process.env['MUSTER_DEBUG'] && error instanceof Error && !(error instanceof UsageError)) {
      process.stderr.write(`${error.stack ?? ''}\n`)
    }
    return exitCodeOf(error)
  }
}

process.exitCode = await main(process.argv.slice(2))
