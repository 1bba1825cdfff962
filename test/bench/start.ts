// F1, F2: how long `npm start` takes, the first time and again. F3: first answers of functions. F4: memory with a fleet.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { Muster, ROOT } from '../support/muster.ts'
import { firstAnswers } from './first-answer.ts'
import { memory } from './memory.ts'
import { npmStart } from './npm-start.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 5
// What the first start of a checkout does not have: compiled code of an earlier one.
const COMPILED = path.join(ROOT, 'node_modules', '.cache', 'muster-compile')

async function secondsOf(muster: Muster): Promise<number> {
  await using started = await npmStart(muster)
  return started.seconds
}

/** A new installation and the same started again, in turn. */
async function starts(): Promise<Goal[]> {
  const cold: number[] = []
  const warm: number[] = []
  for (let round = 1; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    await using muster = await Muster.create()
    rmSync(COMPILED, { recursive: true, force: true })
    const first = await secondsOf(muster)
    const again = await secondsOf(muster)
    cold.push(first)
    warm.push(again)
    say(`round ${round}: cold ${first.toFixed(2)} s, warm ${again.toFixed(2)} s`)
  }
  const goal = { value: 0, unit: 's', better: 'lower' } as const
  return [
    {
      ...goal,
      goal: 'F1',
      what: '`npm start` to "Ready in", new data directory, no compiled code',
      value: median(cold),
      floor: 6,
      target: 3,
      samples: cold,
    },
    {
      ...goal,
      goal: 'F2',
      what: '`npm start` to "Ready in", started again',
      value: median(warm),
      floor: 3,
      target: 1.5,
      samples: warm,
    },
  ]
}

export async function goals(): Promise<Goal[]> {
  return [...(await starts()), await firstAnswers(), await memory()]
}
