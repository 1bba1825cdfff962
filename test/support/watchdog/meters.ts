// The metrics that of-watchdog has of its calls, as Prometheus reads them.

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Series {
  readonly counts: number[]
  sum: number
  count: number
}

export class CallMeters {
  readonly #series = new Map<string, Series>()
  /** Calls under way. */
  inFlight = 0

  observe(method: string, code: number, seconds: number): void {
    const labels = `code="${code}",method="${method.toLowerCase()}"`
    const series = this.#series.get(labels) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 }
    this.#series.set(labels, series)
    for (const [at, bound] of BUCKETS.entries())
      if (seconds <= bound) series.counts[at] = (series.counts[at] ?? 0) + 1
    series.sum += seconds
    series.count += 1
  }

  text(): string {
    const durations = [...this.#series].flatMap(([labels, { counts, sum, count }]) =>
      BUCKETS.map((le, at) => {
        return `http_request_duration_seconds_bucket{${labels},le="${le}"} ${counts[at] ?? 0}`
      }).concat(
        `http_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
        `http_request_duration_seconds_sum{${labels}} ${sum}`,
        `http_request_duration_seconds_count{${labels}} ${count}`,
      ),
    )
    const totals = [...this.#series].map(
      ([labels, { count }]) => `http_requests_total{${labels}} ${count}`,
    )
    return [
      '# TYPE http_request_duration_seconds histogram',
      ...durations,
      '# TYPE http_requests_total counter',
      ...totals,
      '# TYPE http_requests_in_flight gauge',
      `http_requests_in_flight ${this.inFlight}`,
      '',
    ].join('\n')
  }
}
