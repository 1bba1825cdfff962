/** A named statement: its name is the prepared statement's, the log field's and the metric's label. */
export interface Statement<Params extends readonly unknown[], Row> {
  readonly name: string
  readonly text: string
  /** Types only: never present. */
  readonly types?: { params: Params; row: Row }
}

const catalogue = new Map<string, Statement<readonly unknown[], unknown>>()

/**
 * Declares a statement. Names are `noun_verb` and unique over the whole product, since one connection may prepare several domains' statements.
 */
export function statement<Params extends readonly unknown[], Row = never>(
  name: string,
  text: string,
): Statement<Params, Row> {
  if (catalogue.has(name)) throw new Error(`two statements are named ${name}`)
  const made: Statement<Params, Row> = { name, text }
  catalogue.set(name, made)
  return made
}

/** Every statement of the modules loaded so far; the catalogue test prepares each. */
export function statements(): readonly Statement<readonly unknown[], unknown>[] {
  return [...catalogue.values()]
}
