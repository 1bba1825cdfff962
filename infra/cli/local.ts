import type { SessionCommand } from './verbs.ts'

/** Runs Muster here; what that needs is loaded for this command alone. */
export const startCommand: SessionCommand = {
  path: ['start'],
  summary: 'runs Muster here; --edge-port 8444 stands for EDGE_PORT, and so with every setting',
  raw: true,
  stops: true,
  run: async (_session, input) => {
    const { start } = await import('./start.ts')
    return start(input.arguments)
  },
}
