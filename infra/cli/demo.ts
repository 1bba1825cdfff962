import { runDemo } from '../demo/run.ts'
import type { Input } from './command/command.ts'
import { CommandError } from './exit.ts'
import type { Session } from './session.ts'

/** The simulated fleet, on the server that the command finds. */
export async function demo(session: Session, input: Input): Promise<void> {
  const { url, ca, token } = await session.server()
  if (ca === undefined || token === undefined) {
    throw new CommandError('the demo needs a server with its CA and a token that administers')
  }
  await runDemo({
    server: url.origin,
    ca,
    token,
    devices: input.integer('devices', 1) ?? 24,
    rate: input.integer('rate') ?? 0,
    seconds: input.integer('seconds', 1) ?? 10,
    seed: input.integer('seed') ?? 1,
    out: session.out,
  })
}
