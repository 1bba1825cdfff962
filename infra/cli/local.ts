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

/** A simulated fleet on the server; with `--rate` it goes on as a load generator. */
export const demoCommand: SessionCommand = {
  path: ['demo'],
  summary: 'puts a simulated fleet on the server, over the real protocols',
  options: [
    { name: 'devices', value: 'N', summary: 'how many devices (24)' },
    {
      name: 'rate',
      value: 'N',
      summary: 'afterwards so many reports a second over the whole fleet',
    },
    { name: 'seconds', value: 'N', summary: 'how long those are sent (10)' },
    { name: 'seed', value: 'N', summary: 'of what the devices report (1)' },
  ],
  stops: true,
  run: async (session, input) => {
    const { demo } = await import('./demo.ts')
    return demo(session, input)
  },
}
