const SAME_MS = 1_000

/**
 * Fulfilled at the first SIGINT, SIGTERM or SIGHUP. npm passes Ctrl-C on a second time, so what comes within a second is the same;
 * a later one ends the process at once.
 */
export function untilAsked(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let first: number | undefined
  const take = (signal: NodeJS.Signals) => {
    const now = performance.now()
    first ??= now
    if (now - first > SAME_MS) process.exit(130)
    resolve(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, take)
  return promise
}
