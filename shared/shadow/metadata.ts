import { isTree, own, type Times, type Value } from './document.ts'

const PLAIN = /^[\w.:-]*$/

const quote = (key: string): string => (PLAIN.test(key) ? `"${key}"` : JSON.stringify(key))

/**
 * Metadata as it is told: the shape of the value with `{"timestamp": s}` for each leaf, arrays element by element. One number stands for all below it.
 */
export function metadataText(value: Value, times: Times | undefined): string {
  if (isTree(value)) {
    let text = ''
    for (const key of Object.keys(value)) {
      const below = typeof times === 'object' ? own(times, key) : times
      text += `${text === '' ? '' : ','}${quote(key)}:${metadataText(value[key] ?? null, below)}`
    }
    return `{${text}}`
  }
  if (Array.isArray(value)) {
    return `[${value.map((each) => metadataText(each, times)).join(',')}]`
  }
  return `{"timestamp":${typeof times === 'number' ? times : 0}}`
}
