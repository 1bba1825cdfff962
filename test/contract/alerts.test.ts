// The rules as Prometheus' own tool judges them: each alert fires on its fault and stays quiet a little short of it.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { DASHBOARDS, dashboardJson } from '../../infra/monitoring/dashboards.ts'
import { drillRule, writeDrill } from '../../infra/monitoring/drill.ts'
import { readRuleFiles, RULES_FOLDER } from '../../infra/monitoring/rules.ts'
import { run } from '../support/exec.ts'
import { ALERT_CASES } from '../support/monitoring/alert-cases.ts'
import { needs } from '../support/needs.ts'

const MONITORING = fileURLToPath(new URL('../../infra/monitoring/', import.meta.url))
const PROMTOOL = needs('prometheus', existsSync('/usr/bin/promtool'))
const RULES = [...readRuleFiles().values()].flatMap(({ groups }) =>
  groups.flatMap(({ rules }) => rules),
)

function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-rules-'))
  return work(folder).finally(() => rmSync(folder, { recursive: true }))
}

const promtool = async (...args: string[]) => {
  const { code, stdout, stderr } = await run('promtool', args)
  assert.equal(code, 0, `${stdout}\n${stderr}`)
}

const seriesOf = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([series, samples]) => ({ series, values: samples }))

/** Only names and labels are compared: the words are for people. */
const expression = (name: string) =>
  `count by (alertname) (ALERTS{alertname="${name}",alertstate="firing"})`

function testsOf(name: string) {
  const { fires, quiet, labels = {}, minutes = 30 } = ALERT_CASES[name] ?? assert.fail(name)
  const own = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const severity = RULES.find(({ alert }) => alert === name)?.labels.severity
  const all = [`alertname="${name}"`, 'alertstate="firing"', ...own, `severity="${severity}"`]
  const at = (expr: string, samples: object[]) => ({
    expr,
    eval_time: `${minutes}m`,
    exp_samples: samples,
  })
  const fired = [{ labels: `ALERTS{${all.join(',')}}`, value: 1 }]
  return [
    {
      interval: '1m',
      input_series: seriesOf(fires),
      promql_expr_test: [at(`ALERTS{alertname="${name}",alertstate="firing"}`, fired)],
    },
    ...(name === 'Watchdog'
      ? []
      : [
          {
            interval: '1m',
            input_series: seriesOf(quiet),
            promql_expr_test: [at(expression(name), [])],
          },
        ]),
  ]
}

test('ok/promtool takes rules, drill and configuration', PROMTOOL, () =>
  inFolder(async (folder) => {
    const drill = writeDrill(300, folder).map((name) => path.join(folder, name))
    const rules = [...readRuleFiles().keys()].map((name) =>
      fileURLToPath(new URL(name, RULES_FOLDER)),
    )
    await promtool('check', 'rules', ...rules, ...drill)
    await promtool(
      'check',
      'config',
      '--syntax-only',
      path.join(MONITORING, 'prometheus/prometheus.yml'),
    )
  }),
)

test('fail+ok/each alert fires on its fault, and not a little short of it', PROMTOOL, () =>
  inFolder(async (folder) => {
    const names = RULES.map(({ alert }) => alert)
    assert.deepEqual(names.toSorted(), Object.keys(ALERT_CASES).toSorted())
    const file = path.join(folder, 'tests.yml')
    const rules = [...readRuleFiles().keys()].map((name) =>
      fileURLToPath(new URL(name, RULES_FOLDER)),
    )
    const tests = names.flatMap(testsOf)
    writeFileSync(file, stringify({ rule_files: rules, evaluation_interval: '1m', tests }))
    await promtool('test', 'rules', file)
  }),
)

test('ok/each alert has a runbook', () => {
  const text = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8')
  const sections = [...text.matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name)
  assert.deepEqual(sections.toSorted(), RULES.map(({ alert }) => alert).toSorted())
  for (const { alert, annotations } of RULES)
    assert.equal(annotations.runbook, `docs/alerts.md#${alert.toLowerCase()}`)
})

test('ok/a drill divides waits, ranges and marked numbers, down to what scrapes can show', () => {
  const rule = RULES.find(({ alert }) => alert === 'SnapshotOld') ?? assert.fail()
  const { expr, for: wait } = drillRule(rule, 60)
  assert.match(expr, /> 10 # seconds/)
  assert.equal(wait, '1s')
  const rate = RULES.find(({ alert }) => alert === 'EnrolmentsFail') ?? assert.fail()
  assert.match(drillRule(rate, 60).expr, /\[15s\]/)
  assert.match(drillRule(rate, 900).expr, /\[5s\]/)
})

test('ok/the dashboards are written as they are described', () => {
  for (const dashboard of DASHBOARDS) {
    const file = new URL(`../../infra/monitoring/grafana/${dashboard.name}.json`, import.meta.url)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), dashboardJson(dashboard))
  }
})
