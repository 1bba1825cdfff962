/** The time, by argument: domain code never reads a clock of its own. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
