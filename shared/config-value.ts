import { readFileSync } from 'node:fs'
import path from 'node:path'
import { hostUrls } from './db/servers.ts'

/** What a text stands for, or the fault in it. */
export type Parsed<T> = { readonly value: T } | { readonly fault: string }

/** How the text of a setting is read, and an example of a good one. */
export interface Kind<T> {
  readonly example: string
  readonly parse: (text: string) => Parsed<T>
}

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/
const ADDRESS = /^[0-9A-Fa-f:.]{2,45}$/

export const text = (example: string): Kind<string> => ({
  example,
  parse: (value) => (value === '' ? { fault: 'empty' } : { value }),
})

export function integer(min: number, max: number, example: string, what?: string): Kind<number> {
  return {
    example,
    parse: (value) => {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN
      if (number >= min && number <= max) return { value: number }
      return { fault: `not ${what ?? 'a number'} (${min} to ${max})` }
    },
  }
}

export const port = (example: string): Kind<number> => integer(1, 65_535, example, 'a port')

/** A share of all, 0 to 1. */
export const ratio = (example: string): Kind<number> => ({
  example,
  parse: (value) => {
    const number = /^\d(\.\d{1,9})?$/.test(value) ? Number(value) : NaN
    return number <= 1 ? { value: number } : { fault: 'not a share (0 to 1)' }
  },
})

/** A number of bytes: `4194304`, `4 MiB`. */
export const bytes = (example: string): Kind<number> => ({
  example,
  parse: (value) => {
    const [, digits, unit] = /^(\d{1,15}) ?(|KiB|MiB|GiB)$/.exec(value) ?? []
    const number = Number(digits) * (UNITS[unit ?? ''] ?? NaN)
    return Number.isSafeInteger(number)
      ? { value: number }
      : { fault: 'not a number of bytes (KiB, MiB, GiB)' }
  },
})

export function choice<T extends string>(...values: readonly [T, ...T[]]): Kind<T> {
  return {
    example: values[0],
    parse: (text_) => {
      const value = values.find((each) => each === text_)
      return value === undefined ? { fault: `not one of ${values.join(', ')}` } : { value }
    },
  }
}

/** Host names and addresses, separated by commas. */
export const names = (example: string): Kind<readonly string[]> => ({
  example,
  parse: (value) => {
    const list = value.split(',').map((each) => each.trim())
    const bad = list.find((each) => !NAME.test(each) && !ADDRESS.test(each))
    return bad === undefined ? { value: list } : { fault: 'not host names or addresses' }
  },
})

/** A URL of one of these schemes; kept as text. */
export function url(example: string, ...schemes: readonly string[]): Kind<string> {
  return {
    example,
    parse: (value) => {
      // A user without a host, as PostgreSQL writes a socket's URL, is no URL of the WHATWG.
      const parsed = URL.parse(value.replace(/^(\w+:\/\/)[^/]*@\//, '$1/'))
      if (parsed === null) return { fault: 'not a URL' }
      if (!schemes.includes(parsed.protocol.slice(0, -1)))
        return { fault: `not ${schemes.map((scheme) => `${scheme}://`).join(' or ')}` }
      // A unix socket is given as ?host=/path.
      if (parsed.hostname === '' && !parsed.searchParams.has('host')) return { fault: 'no host' }
      return { value }
    },
  }
}

/** A URL of PostgreSQL; several hosts, separated by commas, are servers of which one may be written to. */
export const database = (example: string): Kind<string> => ({
  example,
  parse: (value) => {
    const { parse } = url(example, 'postgres', 'postgresql')
    try {
      const bad = hostUrls(value)
        .map(parse)
        .find((parsed) => 'fault' in parsed)
      return bad ?? { value }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      return { fault: error.message }
    }
  },
})

/** A file that can be read now. */
export const file = (example: string): Kind<string> => ({
  example,
  parse: (value) => {
    try {
      readFileSync(value)
      return { value: path.resolve(value) }
    } catch {
      return { fault: 'not a file that can be read' }
    }
  },
})
