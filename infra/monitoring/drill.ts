// Copies of the rules in which time passes faster, for fire drills: an alert that waits five minutes comes after a second.
//   npx node infra/monitoring/drill.ts 300 FOLDER
// divides every `for`, every range and every number on a line marked `# seconds` by 300, down to what a scrape each second can show.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { stringify } from 'yaml'
import { readRuleFiles, type Rule } from './rules.ts'

const USAGE = 2
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const
// A rate needs two samples, and four when one is late.
const RANGE_LEAST = 5
const FOR_LEAST = 1
// Numbers of seconds are measured each five at most.
const NUMBER_LEAST = 3

const isUnit = (unit: string): unit is keyof typeof SECONDS => Object.hasOwn(SECONDS, unit)

function divided(duration: string, by: number, least: number): string {
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(duration) ?? []
  if (!isUnit(unit)) throw new Error(`${duration} is no duration of one unit`)
  return `${Math.max(least, Math.round((Number(count) * SECONDS[unit]) / by))}s`
}

/** The rule as if time passed so many times faster. */
export function drillRule(rule: Rule, by: number): Rule {
  const expr = rule.expr
    .replaceAll(/\[(\w+)\]/g, (_, range: string) => `[${divided(range, by, RANGE_LEAST)}]`)
    .replaceAll(/(\d+)(?= # seconds)/g, (number) =>
      String(Math.max(NUMBER_LEAST, Number(number) / by)),
    )
  return {
    ...rule,
    expr,
    ...(rule.for !== undefined && { for: divided(rule.for, by, FOR_LEAST) }),
  }
}

/** Writes the drill's rules into a folder; the files' names. */
export function writeDrill(by: number, folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  return [...readRuleFiles()].map(([name, { groups }]) => {
    const rules = groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => drillRule(rule, by)),
    }))
    writeFileSync(path.join(folder, name), stringify({ groups: rules }))
    return name
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , factor = '', folder] = process.argv
  if (!/^\d{1,5}$/.test(factor) || Number(factor) < 1 || folder === undefined) {
    process.stderr.write('usage: npx node infra/monitoring/drill.ts FACTOR FOLDER\n')
    process.exitCode = USAGE
  } else process.stdout.write(`${writeDrill(Number(factor), folder).join('\n')}\n`)
}
