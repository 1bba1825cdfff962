// A reporter of node:test: the files in which something failed, a line each.
import type { TestEvent } from 'node:test/reporters'

export default async function* failedFiles(
  events: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.file !== undefined) yield `${data.file}\n`
  }
}
