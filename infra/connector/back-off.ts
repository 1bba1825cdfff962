const FIRST_MS = 100
const MOST_MS = 5000

/** 100 ms, doubling to 5 s, the upper half of it by chance: who failed together does not come again together. */
export function backOff(tries: number, random: () => number = Math.random): number {
  const span = Math.min(MOST_MS, FIRST_MS * 2 ** Math.max(0, tries - 1))
  return Math.round(span * (0.5 + random() / 2))
}
