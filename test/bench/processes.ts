import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

interface Process {
  readonly pid: number
  readonly parent: number
  readonly cpuSeconds: number
}

// /proc/<pid>/stat: the name in parentheses may hold spaces; after it state, parent … utime, stime (fields 14, 15).
function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const cpu = ['11', '12', '13', '14'].reduce((sum, at) => sum + Number(fields[Number(at)]), 0)
    return { pid, parent: Number(fields[1]), cpuSeconds: cpu / TICKS_PER_SECOND }
  } catch {
    return undefined // it ended meanwhile
  }
}

/** A process and all below it. */
export function processTree(root: number): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((each) => each !== undefined)
  const found = [root]
  for (const pid of found) found.push(...all.filter((p) => p.parent === pid).map((p) => p.pid))
  return found
}

/** CPU seconds of one process and its ended children: one file is read, so that looking costs nothing. */
export function cpuSecondsAlone(pid: number): number {
  return readProcess(pid)?.cpuSeconds ?? 0
}

/** CPU seconds of a process and all below it, ended children included. */
export function cpuSeconds(root: number): number {
  return processTree(root).reduce((sum, pid) => sum + (readProcess(pid)?.cpuSeconds ?? 0), 0)
}

/** Proportional set size of a process and all below it, in MiB: shared pages are counted once. */
export function pssMiB(root: number): number {
  const kib = processTree(root).map((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
      return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0)
    } catch {
      return 0
    }
  })
  return kib.reduce((sum, each) => sum + each, 0) / 1024
}
