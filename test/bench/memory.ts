// F4: what `npm start` occupies while 24 devices, put on it by `./muster demo`, are connected and report.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitOf } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'
import { npmStart, type NpmStart } from './npm-start.ts'
import { pssMiB } from './processes.ts'
import { median, type Goal } from './report.ts'
import { say } from './settings.ts'

const DEVICES = 24
const RATE = 5
const SECONDS = 20
// After this line of the demo its devices do nothing but report.
const REPORTING = /^renewed /m
const SETTLE_MS = 5000
const SAMPLES = 10

interface Demo {
  /** Fulfilled when the fleet is enrolled, updated and reports. */
  readonly reporting: Promise<void>
  readonly end: Promise<number>
}

function startDemo(muster: Muster): Demo {
  const args = ['demo', '--devices', DEVICES, '--rate', RATE, '--seconds', SECONDS].map(String)
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(path.join(ROOT, 'muster'), args, {
    cwd: muster.data,
    env: {
      PATH,
      HOME,
      NO_COLOR: '1',
      MUSTER_SERVER: muster.url,
      MUSTER_CA: muster.caFile,
      MUSTER_TOKEN: muster.token,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (REPORTING.test(said)) resolve()
  })
  const end = exitOf(child)
  end.then((code) => reject(new Error(`the demo ended with ${code}: ${said}`)), reject)
  return { reporting: promise, end }
}

async function sample({ pid, nodePid }: NpmStart): Promise<{ all: number[]; npm: number }> {
  const all: number[] = []
  const npm: number[] = []
  for (let turn = 0; turn < SAMPLES; turn++) {
    await sleep(1000)
    const whole = pssMiB(pid)
    all.push(whole)
    npm.push(whole - pssMiB(nodePid))
  }
  say(`memory: ${all.map(Math.round).join(', ')} MiB`)
  return { all, npm: median(npm) }
}

export async function memory(): Promise<Goal> {
  await using muster = await Muster.create()
  await using started = await npmStart(muster)
  const idle = pssMiB(started.pid)
  const demo = startDemo(muster)
  await demo.reporting
  await sleep(SETTLE_MS)
  const { all, npm } = await sample(started)
  const code = await demo.end
  if (code !== 0) throw new Error(`the demo ended with ${code}`)
  return {
    goal: 'F4',
    what: `PSS of \`npm start\` while ${DEVICES} devices send ${RATE} reports a second`,
    value: median(all),
    floor: 500,
    target: 350,
    unit: 'MiB',
    better: 'lower',
    samples: all,
    notes: `npm itself ${Math.round(npm)}; ${Math.round(idle)} before the devices came`,
  }
}
