// L4 and L5: how large an image is, and how soon a container of it is ready.
import { compressedBytes } from '../../infra/image/archive.ts'
import { buildImages } from '../../infra/image/build.ts'
import { ContainedInstallation, FUNCTIONS } from '../support/containers/installation.ts'
import { ContainerMachine, hasContainers } from '../support/containers/machine.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 5
const BYTES_OF_MB = 1e6

/** L4: megabytes that a registry keeps of the largest image. */
export async function imageSize(): Promise<Goal> {
  const built = await buildImages([])
  const sizes = built
    .map(({ name, image }) => ({ name, mb: compressedBytes(image) / BYTES_OF_MB }))
    .toSorted((a, b) => b.mb - a.mb)
  for (const { name, mb } of sizes) say(`${name}: ${mb.toFixed(1)} MB`)
  const [largest] = sizes
  return {
    goal: 'L4',
    what: 'compressed image, the largest of all',
    value: largest?.mb ?? Number.NaN,
    samples: sizes.map(({ mb }) => mb),
    floor: 75,
    target: 60,
    unit: 'MB',
    better: 'lower',
    notes: `${largest?.name}; a layer that all share is in each`,
  }
}

/** L5: milliseconds from `ctr run` to the first 200 of `/_/ready`, behind the watchdog's stand-in. */
export async function containerStart(): Promise<Goal[]> {
  if (!hasContainers) {
    say('L5 not measured: no containerd, or not root')
    return []
  }
  await using database = await cloneDatabase()
  await using machine = await ContainerMachine.start()
  const muster = new ContainedInstallation(machine, database)
  await muster.prepare()
  const started = async (name: string) => {
    const ms = await muster.startFunction(name, { restart: false })
    await machine.stop(name)
    return ms
  }
  for (const name of FUNCTIONS) await started(name) // its files are in the page cache
  const samples: number[] = []
  const rounds = benchSetting('ROUNDS', ROUNDS)
  for (let round = 1; round <= rounds; round++) {
    for (const name of FUNCTIONS) {
      const ms = await started(name)
      say(`${name}: ${Math.round(ms)} ms`)
      samples.push(ms)
    }
  }
  return [
    {
      goal: 'L5',
      what: 'start of a container to ready',
      value: median(samples),
      samples,
      floor: 800,
      target: 400,
      unit: 'ms',
      better: 'lower',
      notes: `${FUNCTIONS.length} functions, ${rounds} rounds; read-only root, 192 MiB`,
    },
  ]
}

export async function goals(): Promise<Goal[]> {
  return [await imageSize(), ...(await containerStart())]
}
