import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError, type Input, type Tree } from './command.ts'
import { wantedAt } from './complete.ts'
import { document } from './document.ts'
import { help } from './help.ts'
import { parseCommandLine } from './parse.ts'

const run = async (): Promise<void> => undefined

const TREE: Tree<undefined> = {
  nouns: [{ name: 'device', summary: 'Devices.', examples: ['muster device list'] }],
  globals: [
    { name: 'server', value: 'URL', summary: 'the server' },
    { name: 'output', short: 'o', value: 'FORMAT', choices: ['json', 'csv'], summary: 'how' },
    { name: 'json', summary: 'JSON' },
  ],
  commands: [
    { path: ['status'], summary: 'what runs', run },
    {
      path: ['device', 'list'],
      summary: 'lists them',
      options: [
        { name: 'query', short: 'q', value: 'QUERY', complete: 'query', summary: 'which' },
        { name: 'limit', value: 'N', summary: 'how many' },
        { name: 'group', value: 'NAME', many: true, summary: 'a group' },
      ],
      run,
    },
    {
      path: ['device', 'show'],
      summary: 'one',
      arguments: [{ name: 'ID', complete: 'device' }],
      run,
    },
    {
      path: ['device', 'tag'],
      summary: 'tags',
      arguments: [
        { name: 'COLOUR', choices: ['red', 'green'] },
        { name: 'ID', many: true, optional: true },
      ],
      run,
    },
    { path: ['start'], summary: 'starts', raw: true, run },
    { path: ['complete'], summary: 'for shells', hidden: true, run },
  ],
}

const input = (...argv: string[]): Input => {
  const parsed = parseCommandLine(TREE, argv)
  assert.equal(parsed.kind, 'run')
  if (parsed.kind !== 'run') throw new Error('help')
  return parsed.input
}

for (const [line, message] of [
  ['devcie list', 'unknown command devcie; did you mean muster device?'],
  ['device lsit', 'unknown command device lsit; did you mean muster device list?'],
  ['device', 'device needs a verb'],
  ['zzz', 'unknown command zzz'],
  ['status x', 'what is x? nothing more is taken'],
  ['device show', 'ID is missing'],
  ['device list --limt 5', 'unknown option --limt; did you mean --limit?'],
  ['device list --limit', '--limit needs a value: N'],
  ['device list --limit 1 --limit 2', '--limit is given twice'],
  ['device list --json=yes', '--json takes no value'],
  ['device list -o jsn', '-o cannot be jsn; did you mean json?'],
  ['device list -x', 'unknown option -x'],
  ['device tag blue', 'COLOUR cannot be blue; one of red, green'],
  ['help devices', 'unknown command devices; did you mean muster device?'],
] as const) {
  test(`fail/${line}`, () => {
    assert.throws(
      () => parseCommandLine(TREE, line.split(' ')),
      (error) => error instanceof UsageError && error.message.startsWith(message),
    )
  })
}

test('ok/options-by-long-short-and-equals', () => {
  const given = input(
    'device',
    'list',
    '-q',
    'a = 1',
    '--limit=5',
    '-ojson',
    '--group',
    'x',
    '--group',
    'y',
  )
  assert.equal(given.text('query'), 'a = 1')
  assert.equal(given.integer('limit'), 5)
  assert.equal(given.text('output'), 'json')
  assert.deepEqual(given.texts('group'), ['x', 'y'])
  assert.equal(given.flag('json'), false)
})

test('ok/global-options-before-the-command', () => {
  const given = input('--server', 'https://a', '--json', 'device', 'show', 'gw-1')
  assert.equal(given.text('server'), 'https://a')
  assert.equal(given.argument(0), 'gw-1')
})

test('ok/after-two-dashes-all-is-an-argument', () => {
  assert.deepEqual(input('device', 'show', '--', '-x').arguments, ['-x'])
})

test('ok/raw-commands-take-all', () => {
  assert.deepEqual(input('start', '--edge-port', '8444', '--anything').arguments, [
    '--edge-port',
    '8444',
    '--anything',
  ])
})

test('fail/numbers-are-whole', () => {
  assert.throws(() => input('device', 'list', '--limit', 'x').integer('limit'), UsageError)
  assert.throws(() => input('device', 'list', '--limit', '0').integer('limit', 1), UsageError)
  assert.throws(() => input('device', 'list', '--limit', '1e3').integer('limit'), UsageError)
})

for (const [line, words] of [
  ['', []],
  ['--help', []],
  ['help device', ['device']],
  ['device --help', ['device']],
  ['device list -h', ['device', 'list']],
] as const) {
  test(`ok/help of '${line}'`, () => {
    const parsed = parseCommandLine(TREE, line === '' ? [] : line.split(' '))
    assert.deepEqual(parsed, { kind: 'help', words })
  })
}

test('ok/help-has-usage-options-and-examples', () => {
  assert.match(help(TREE, []), /^muster: .*\n\n {2}status +what runs\n {2}start/)
  assert.match(help(TREE, ['device']), /muster device tag red\|green \[ID…\] +tags/)
  assert.match(help(TREE, ['device', 'list']), /-q, --query QUERY +which/)
})

for (const [line, words, from] of [
  ['', ['status', 'device', 'start'], undefined],
  ['device ', ['list', 'show', 'tag'], undefined],
  ['device show ', [], 'device'],
  ['device tag ', ['red', 'green'], undefined],
  ['device tag red ', [], undefined],
  ['device list -q ', [], 'query'],
  ['device list -o ', ['json', 'csv'], undefined],
  ['device list --limit 5 --', ['--query', '--group', '--server', '--output', '--json'], undefined],
] as const) {
  test(`ok/complete '${line}'`, () => {
    assert.deepEqual(wantedAt(TREE, line.split(' ')), { words, ...(from && { from }) })
  })
}

test('ok/document-lists-every-command', () => {
  const page = document(TREE, '# The command')
  assert.match(page, /^# The command\n/)
  assert.match(page, /\| `muster device list` \| lists them \| `-q, --query QUERY` /)
  assert.match(page, /`muster device tag red\\\|green \[ID…\]`/)
  assert.doesNotMatch(page, /for shells/)
})
