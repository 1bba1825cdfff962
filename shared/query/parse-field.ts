import { fieldNames, resolveField, type Catalogue, type Field } from './catalogue.ts'
import { shown, type Span } from './fault.ts'
import { isKeyword } from './parse-value.ts'
import { printPath } from './path.ts'
import type { Scanner } from './scanner.ts'
import { nearestField } from './suggest.ts'

const NAME = /[A-Za-z_][A-Za-z0-9_-]*/y
const PART = /[A-Za-z0-9_$-]+|"(?:[^"]|"")*"/y

/** Reads a field's path and finds the field in the catalogue. */
export function parseField(scanner: Scanner, catalogue: Catalogue): Field {
  const at = scanner.here()
  const path = [scanner.take(NAME) ?? noField(scanner)]
  while (scanner.text[scanner.position] === '.') path.push(parsePart(scanner))
  const field = resolveField(catalogue, path)
  const name = printPath(path)
  const span = scanner.since(at)
  if (field === 'undeclared') {
    scanner.fail('query.undeclared', `Field \`${shown(name)}\` is not searchable`, span, {
      hint: `declare it first: muster index add ${shown(name)} --type number`,
      field: name,
    })
  }
  if (field === 'unready') {
    scanner.fail('query.undeclared', `The index of \`${shown(name)}\` is being built`, span, {
      hint: 'see muster operation list --kind index.backfill',
      field: name,
    })
  }
  return field ?? unknownField(scanner, catalogue, name, span)
}

// No blanks inside a path.
function parsePart(scanner: Scanner): string {
  const at = ++scanner.position
  PART.lastIndex = at
  const [part] = PART.exec(scanner.text) ?? []
  if (part === undefined || part === '""') {
    const advice = { expected: 'field' } as const
    return scanner.fail(
      'query.syntax',
      'Expected a name after the dot',
      { at, end: at + 1 },
      advice,
    )
  }
  scanner.position = PART.lastIndex
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part
}

function noField(scanner: Scanner): never {
  const message = `Expected a field but found ${scanner.found()}`
  return scanner.fail('query.syntax', message, scanner.next(), { expected: 'field' })
}

function unknownField(scanner: Scanner, catalogue: Catalogue, name: string, span: Span): never {
  if (isKeyword(name)) {
    const message = `Expected a field but found the keyword \`${name}\``
    scanner.fail('query.syntax', message, span, { expected: 'field' })
  }
  const near = nearestField(name, fieldNames(catalogue))
  return scanner.fail('query.unknown_field', `Unknown field \`${shown(name)}\``, span, {
    expected: 'field',
    ...(near !== undefined && { hint: `did you mean \`${near}\`?` }),
  })
}
