import { UsageError, type Input } from './command/command.ts'

/** What is named, or a query: one of both. */
export function chosen(input: Input, from = 0): { ids: readonly string[] } | { query: string } {
  const query = input.text('query')
  const ids = input.arguments.slice(from)
  if (query === undefined && ids.length === 0) {
    throw new UsageError('which? name them, or select them by --query', input.command)
  }
  if (query !== undefined && ids.length > 0) {
    throw new UsageError('names or --query, not both', input.command)
  }
  return query === undefined ? { ids } : { query }
}
