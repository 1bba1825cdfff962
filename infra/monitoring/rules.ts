import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import * as z from 'zod'

const Rule = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'none']) }),
  annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
})
const File = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(Rule) })),
})
export type Rule = z.infer<typeof Rule>
export type RuleFile = z.infer<typeof File>

export const RULES_FOLDER = new URL('prometheus/rules/', import.meta.url)

/** The alerting rules, by file. */
export function readRuleFiles(folder = RULES_FOLDER): Map<string, RuleFile> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yml'))
  return new Map(
    names
      .toSorted()
      .map((name) => [name, File.parse(parse(readFileSync(new URL(name, folder), 'utf8')))]),
  )
}
