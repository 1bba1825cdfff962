export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metric {
  readonly name: string
  readonly help: string
  /** Left out: gauge. */
  readonly type?: 'counter' | 'gauge'
  readonly samples: readonly Sample[]
}

export const one = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  samples: [{ value }],
})

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

function sampleText(name: string, { labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
}

/** The metric in Prometheus' text format; by its name alone it is known when it has no samples. */
export function metricText({ name, help, type = 'gauge', samples }: Metric): string {
  const lines = samples.map((sample) => sampleText(name, sample)).join('')
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`
}
