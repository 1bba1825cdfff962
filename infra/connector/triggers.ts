import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'
import { levelsOverlap } from '../../shared/mqtt/filter.ts'
import { classOfFunction, SLOT_CLASSES, type SlotClass } from '../../shared/mqtt/topics.ts'
import { parseSchedule, type Schedule } from './schedule.ts'

const Stack = z.looseObject({
  functions: z.record(
    z.string(),
    z.looseObject({
      annotations: z
        .looseObject({ topic: z.string().optional(), schedule: z.string().optional() })
        .optional(),
    }),
  ),
})

/** What triggers functions: `topic` and `schedule` annotations of the stack file. */
export interface Triggers {
  readonly topics: Readonly<Record<SlotClass, readonly TopicTrigger[]>>
  readonly schedules: readonly ScheduleTrigger[]
}

export interface TopicTrigger {
  readonly filter: string
  /** The filter's levels: each message is compared with all filters of its class. */
  readonly levels: readonly string[]
  readonly functionName: string
}

export interface ScheduleTrigger {
  readonly functionName: string
  readonly schedule: Schedule
}

/** Reads the annotations of a stack file. */
export async function readTriggers(file: string | URL): Promise<Triggers> {
  return triggersOf(await readFile(file, 'utf8'))
}

/** @throws when a function with topics has no class, or a schedule cannot be read */
export function triggersOf(text: string): Triggers {
  const topics = Object.fromEntries(SLOT_CLASSES.map((name) => [name, [] as TopicTrigger[]]))
  const schedules: ScheduleTrigger[] = []
  for (const [functionName, { annotations }] of Object.entries(
    Stack.parse(parse(text)).functions,
  )) {
    const { topic = '', schedule } = annotations ?? {}
    for (const filter of topic.split(',').map((each) => each.trim())) {
      if (filter === '') continue
      const slotClass = classOfFunction(functionName)
      if (slotClass === undefined) throw new Error(`${functionName} has topics, but no class`)
      topics[slotClass]?.push({ filter, levels: filter.split('/'), functionName })
    }
    if (schedule !== undefined) {
      schedules.push({ functionName, schedule: parseSchedule(schedule) })
    }
  }
  const { shadow = [], ota = [], enroll = [], presence = [] } = topics
  return { topics: { shadow, ota, enroll, presence }, schedules }
}

/** The function that a topic of a class goes to. */
export function routeOf(triggers: readonly TopicTrigger[], topic: string): string | undefined {
  const asked = topic.split('/')
  return triggers.find(({ levels }) => levelsOverlap(levels, asked))?.functionName
}
