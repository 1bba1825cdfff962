import { readFile } from 'node:fs/promises'
import { path, type Api, type Item, type Json } from './api/client.ts'
import { ApiError } from './api/problem.ts'
import { UsageError, type Input, type Noun, type Option } from './command/command.ts'
import { confirm, YES } from './confirm.ts'
import { CommandError, EXIT } from './exit.ts'
import { fields } from './fields.ts'
import { printDone, printItem } from './output.ts'
import { planText, watchRollout } from './rollout-progress.ts'
import { ACTIONS } from './action.ts'
import { warn } from './warn.ts'
import { deleteCommand, edit, listCommand, oneOf, showCommand, subListCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

const STATES = [
  'draft',
  'waiting_for_approval',
  'ready',
  'starting',
  'running',
  'paused',
  'stopping',
  'stopped',
  'finished',
]

export const ROLLOUTS: Resource = {
  noun: 'rollout',
  path: 'rollouts',
  argument: 'NAME',
  events: ['rollout'],
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'RELEASE', from: 'release' },
    { head: 'STATE', from: 'status', kind: 'state' },
    { head: 'DONE', from: 'done', kind: 'count' },
    { head: 'FAILED', from: 'failed', kind: 'count' },
    { head: 'DEVICES', from: 'total', kind: 'count' },
    { head: 'QUERY', from: 'query', wide: true },
    { head: 'AUTHOR', from: 'author', wide: true },
  ],
}

const PLAN: readonly Option[] = [
  { name: 'release', value: 'NAME', complete: 'release', summary: 'what is rolled out' },
  { name: 'query', short: 'q', value: 'QUERY', complete: 'query', summary: 'the devices' },
  { name: 'groups', value: 'N|P,P…', summary: 'how many equal groups, or their percentages (1)' },
  { name: 'success', value: 'PERCENT', summary: 'of a group, for the next one to begin (90)' },
  { name: 'error', value: 'PERCENT', summary: 'of failures, at which it pauses (5)' },
  { name: 'sample', value: 'N', summary: 'results before failures count (30)' },
  { name: 'kind', value: 'KIND', choices: ['soft', 'forced'], summary: 'whether devices may wait' },
  { name: 'rules', value: 'FILE', complete: 'file', summary: 'further rules, as JSON' },
]

function groupsOf(input: Input): Json | undefined {
  const text = input.text('groups')
  if (text === undefined) return undefined
  const numbers = text.split(',').map(Number)
  if (!numbers.every((number) => number > 0 && number <= 100)) {
    throw new UsageError(`--groups takes 3, or 5,25,70, not ${text}`, input.command)
  }
  if (!text.includes(',')) return numbers[0]
  return numbers.map((share) => ({ percent: share }))
}

function percent(input: Input, name: string): number | undefined {
  const text = input.text(name)
  if (text === undefined) return undefined
  const value = Number(text.replace(/%$/, ''))
  if (value >= 0 && value <= 100) return value
  throw new UsageError(`--${name} takes 0 to 100, not ${text}`, input.command)
}

async function readRules(file: string): Promise<Record<string, Json>> {
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(`${file}: not JSON`, EXIT.usage)
  }
}

async function plan(input: Input): Promise<Record<string, Json | undefined>> {
  const file = input.text('rules')
  const rules = file === undefined ? {} : await readRules(file)
  return {
    ...rules,
    release: input.text('release'),
    query: input.text('query'),
    groups: groupsOf(input),
    success_percent: percent(input, 'success'),
    error_percent: percent(input, 'error'),
    error_sample: input.integer('sample', 1),
    kind: input.text('kind'),
  }
}

const create: SessionCommand = {
  path: ['rollout', 'create'],
  summary: 'plans a release for the devices of a query; nothing moves before start',
  arguments: [{ name: 'NAME' }],
  options: PLAN,
  run: async (session, input) => {
    input.required('release')
    input.required('query')
    const body = { name: input.argument(0), ...(await plan(input)) }
    const item = await (await session.api()).post('rollouts', body)
    warn(session, item)
    printDone(session, `rollout ${ROLLOUTS.id(item)}: ${String(item['status'])}`, item, ROLLOUTS)
  },
}

const change: SessionCommand = {
  path: ['rollout', 'edit'],
  summary: 'changes the plan of one that has not started',
  arguments: [oneOf(ROLLOUTS)],
  options: PLAN,
  run: async (session, input) => {
    const said = fields(await plan(input), input.command)
    printItem(session, await edit(session, ROLLOUTS, input.argument(0), () => said), ROLLOUTS)
  },
}

const showPlan: SessionCommand = {
  path: ['rollout', 'plan'],
  summary: 'what it would do now: devices of each group, and who is left out',
  arguments: [oneOf(ROLLOUTS)],
  run: async (session, input) => {
    const api = await session.api()
    const { item } = await api.get(`rollouts/${path(input.argument(0))}/plan`)
    warn(session, item)
    const people = session.format === 'table' || session.format === 'wide'
    if (people) session.out.write(planText(item))
    else printItem(session, item)
  },
}

// Of a rollout that is under way, which changes by itself while one looks. What starts one is asked for the plan that was seen.
const UNDER_WAY = new Set(['pause', 'resume', 'stop'])
const TRIES = 4

/** Looks, then acts under the ETag of what was seen; of a rollout that is under way again when it changed meanwhile. */
async function act(api: Api, of: string, verb: string): Promise<Item> {
  for (let left = UNDER_WAY.has(verb) ? TRIES : 1; ; left--) {
    const { etag } = await api.get(of)
    try {
      return await api.post(`${of}/${verb}`, undefined, { ifMatch: etag })
    } catch (error) {
      const changed = error instanceof ApiError && error.code === 'request.precondition_failed'
      if (!changed || left === 1) throw error
    }
  }
}

function verbCommand(verb: string, summary: string, asks = false): SessionCommand {
  return {
    path: ['rollout', verb],
    summary,
    arguments: [oneOf(ROLLOUTS)],
    options: asks ? [YES] : [],
    run: async (session, input) => {
      const name = input.argument(0)
      if (asks) await confirm(session, input, `${verb} rollout ${name}`)
      const api = await session.api()
      const item = await act(api, `rollouts/${path(name)}`, verb)
      printDone(session, `rollout ${name}: ${String(item['status'])}`, item, ROLLOUTS)
    },
  }
}

export const rolloutNoun: Noun = {
  name: 'rollout',
  summary: 'Rollouts: a release, for many devices, group after group.',
  examples: [
    `muster rollout create winter-2.5 --release gw-2.5.0 -q "firmware_ver < '2.5.0'" --groups 5,25,70`,
    'muster rollout start winter-2.5',
    'muster rollout watch winter-2.5',
  ],
}

export const rolloutCommands: readonly SessionCommand[] = [
  listCommand(ROLLOUTS, {
    options: [{ name: 'status', value: 'STATE', choices: STATES, summary: 'only these' }],
    parameters: (input) => ({ status: input.text('status') }),
  }),
  showCommand(ROLLOUTS),
  create,
  change,
  deleteCommand(ROLLOUTS, 'delete', 'removes those that have not started'),
  showPlan,
  verbCommand('start', 'begins with the first group'),
  verbCommand('pause', 'offers it to no further device'),
  verbCommand('resume', 'goes on'),
  verbCommand('stop', 'ends it: what no device has begun is cancelled', true),
  verbCommand('approve', "lets another person's rollout start"),
  verbCommand('deny', 'sends it back to its author', true),
  verbCommand('advance', 'begins the next group now'),
  verbCommand('retry', 'offers it again where it failed'),
  subListCommand(['rollout', 'devices'], 'what became of each device', ACTIONS, {
    arguments: [oneOf(ROLLOUTS)],
    options: [{ name: 'state', value: 'STATE', summary: 'only these' }],
    path: (input) => `rollouts/${path(input.argument(0))}/devices`,
    parameters: (input) => ({ state: input.text('state') }),
  }),
  {
    path: ['rollout', 'watch'],
    summary: 'shows its progress until its end; exit 7 when it paused itself or was stopped',
    arguments: [oneOf(ROLLOUTS)],
    run: (session, input) => watchRollout(session, input.argument(0)),
  },
]
