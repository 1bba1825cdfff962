import type { Api, Item, Page, Parameters } from './client.ts'

/** The largest page that the API gives. */
const PAGE_MAX = 1000

/** Pages one after the other, until `limit` items are there; no limit: all of them. */
export async function* pages(
  api: Api,
  of: string,
  parameters: Parameters,
  limit: number | undefined,
): AsyncGenerator<Page> {
  let cursor: string | undefined
  let left = limit ?? Number.POSITIVE_INFINITY
  do {
    const size = Math.min(left, PAGE_MAX)
    const page = await api.page(of, { ...parameters, limit: size, cursor })
    yield page
    left -= page.items.length
    cursor = page.next ?? undefined
  } while (cursor !== undefined && left > 0)
}

export async function collect(
  api: Api,
  of: string,
  parameters: Parameters,
  limit?: number,
): Promise<Item[]> {
  const items: Item[] = []
  for await (const page of pages(api, of, parameters, limit)) items.push(...page.items)
  return items
}
