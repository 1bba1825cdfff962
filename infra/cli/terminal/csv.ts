// A spreadsheet runs a cell that begins so as a formula; an apostrophe in front keeps it text.
const FORMULA = /^[=+\-@\t\r]/

const quoted = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text

function cell(text: string): string {
  return quoted(FORMULA.test(text) && !/^-?[0-9.]+$/.test(text) ? `'${text}` : text)
}

/** One row of a file that is read back: every text as it is. */
export function dataRow(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\n`
}

/** One row of RFC 4180, for people and their spreadsheets. */
export function csvRow(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}
