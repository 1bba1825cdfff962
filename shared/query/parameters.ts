/** The parameters of one statement, numbered as they come. */
export class Parameters {
  readonly values: unknown[] = []

  /** Adds a value and gives its place in the text, cast. */
  bind(value: unknown, type: string): string {
    return `$${this.values.push(value)}::${type}`
  }
}

/** What the predicate of one evaluation may refer to. */
export interface Scope {
  readonly parameters: Parameters
  readonly now: Date
  /**
   * Text of the key of the page before, repeated inside each `exists`: PostgreSQL does not carry `d.device_id > $1` over to
   * `f.device_id` (the middle page of a half-matching query at 1 M devices: 338 ms without, 0.1 ms with).
   */
  readonly after: string | undefined
}
