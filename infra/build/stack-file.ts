// What stack.yml may say. faas-cli takes misspelt keys, bad schedules, amounts and names without a word; this does not.
import { parse } from 'yaml'
import * as z from 'zod'
import { optionFields } from '../../shared/config.ts'
import { parseSchedule } from '../connector/schedule.ts'

const NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/
const MEMORY = /^[1-9]\d*(Mi|Gi)$/
const CPU = /^([1-9]\d*m|[1-9]\d*)$/
const DURATION = /^([1-9]\d*(ms|s|m|h))+$/
const IMAGE = /^[a-z0-9][-a-z0-9._/]*(:\d+\/[-a-z0-9._/]+)?:[A-Za-z0-9_][-A-Za-z0-9._]{0,127}$/
const TOPIC = /^[^\s,]+(,[^\s,]+)*$/
const VERSION = 1

const duration = z.string().regex(DURATION, 'no duration, such as 5s')
const amounts = z.strictObject({
  memory: z.string().regex(MEMORY, 'no amount of memory, such as 256Mi'),
  cpu: z.string().regex(CPU, 'no amount of CPU, such as 100m').optional(),
})
const count = z.string().regex(/^\d{1,3}$/, 'no number')

/** Settings of Muster's own that are no secret (docs/configuration.md). */
const settings = Object.fromEntries(
  optionFields()
    .filter((field) => field !== 'LOG_FORMAT')
    .map((field) => [field, z.string().optional()]),
)

const environment = z.strictObject({
  ...settings,
  LOG_FORMAT: z.literal('json'),
  ready_path: z.literal('/ready'),
  healthcheck_interval: duration,
  exec_timeout: duration,
  read_timeout: duration,
  write_timeout: duration,
  max_inflight: count.optional(),
})

const annotations = z.strictObject({
  'com.openfaas.ready.http.path': z.literal('/_/ready'),
  topic: z.string().regex(TOPIC, 'no topic filters with commas between').optional(),
  schedule: z.string().optional(),
})

const labels = z.strictObject({
  'com.openfaas.scale.min': count,
  'com.openfaas.scale.max': count,
})

const stackFunction = z.strictObject({
  lang: z.literal('muster-node24'),
  handler: z.string().regex(/^\.\/dist\/[-a-z0-9]+$/, 'not ./dist/<name>'),
  image: z.string().regex(IMAGE, 'no image with a tag, such as muster/enroll:0.1.0'),
  environment,
  secrets: z.array(z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'no name of a secret')),
  requests: amounts,
  limits: amounts,
  readonly_root_filesystem: z.literal(true),
  labels,
  annotations,
})

const name = z.string().regex(NAME, 'no name of a function: small letters, digits, hyphens')

export const StackFile = z.strictObject({
  version: z.literal(VERSION),
  provider: z.strictObject({ name: z.literal('openfaas'), gateway: z.url() }),
  functions: z.record(name, stackFunction),
})

type Functions = z.infer<typeof StackFile>['functions']

/** What a schema cannot say: whether a schedule is ever due, and what must agree. */
function disagreements(functions: Functions): string[] {
  return Object.entries(functions).flatMap(([service, given]) => {
    const { handler, image, secrets, labels: scale, annotations: own } = given
    const faults: string[] = []
    if (handler !== `./dist/${service}`) faults.push(`handler ${handler} is another function's`)
    if (!image.includes(`/${service}:`)) faults.push(`image ${image} is another function's`)
    for (const needed of ['database-url', 'hop-keys'])
      if (!secrets.includes(`${needed}-${service}`))
        faults.push(`secret ${needed}-${service} is missing`)
    if (Number(scale['com.openfaas.scale.min']) > Number(scale['com.openfaas.scale.max']))
      faults.push('com.openfaas.scale.min is above com.openfaas.scale.max')
    if (own.schedule !== undefined) faults.push(...scheduleFaults(own.schedule))
    return faults.map((fault) => `functions.${service}: ${fault}`)
  })
}

function scheduleFaults(text: string): string[] {
  try {
    parseSchedule(text)
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** Every fault of a stack file, a line each; none: it is sound. */
export function stackFaults(text: string): string[] {
  let document: unknown
  try {
    document = parse(text)
  } catch (error) {
    return [error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)]
  }
  const read = StackFile.safeParse(document)
  if (read.success) return disagreements(read.data.functions)
  return read.error.issues.map((issue) => {
    const inner = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined
    return `${issue.path.join('.')}: ${inner ?? issue.message}`
  })
}

/** The same as JSON Schema, for editors and other checkers. */
export function stackSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(StackFile), null, 2)}\n`
}
