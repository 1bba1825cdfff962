// The images: what lies in each besides the base, and how its containers run.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { build, type Metafile } from 'esbuild'
import { functionBuild } from '../build/bundle.ts'
import { bundleWatchdog } from '../build/watchdog.ts'
import { functionNames } from '../function/names.ts'
import type { RunConfig } from './archive.ts'
import { HOME, packageEntries, ROOT, textFile, USER } from './base.ts'
import type { DebianPackage } from './debian.ts'
import { bundleProgram, type Program } from './programs.ts'
import type { Entry } from './tar.ts'

/** What one image is made of, above the base. */
export interface Contents {
  readonly entries: readonly Entry[]
  /** Debian's packages that only this image has. */
  readonly packages: readonly DebianPackage[]
  /** What our code in it was bundled from. */
  readonly metafile: Metafile
  readonly run: Omit<RunConfig, 'labels'>
}

export interface ImageSource {
  readonly name: string
  readonly contents: (cache: string) => Promise<Contents>
}

const NODE = '/usr/bin/node'
const COMMON = {
  user: `${USER}:${USER}`,
  env: { PATH: '/usr/bin:/usr/sbin', NODE_ENV: 'production' },
}
const FUNCTION_PORT = 8080
const METRICS_PORT = 8082
async function functionContents(name: string): Promise<Contents> {
  const { outputFiles, metafile } = await build({
    ...functionBuild(name),
    sourcemap: false,
    metafile: true,
    write: false,
  })
  const home = `${HOME}/${name}`
  const entries = outputFiles.map(({ path: file, contents }) => ({
    type: 'file' as const,
    path: `${home}/${path.basename(file)}`,
    mode: 0o644,
    data: Buffer.from(contents),
  }))
  // The watchdog's stand-in is in front of the function, as of-watchdog is on OpenFaaS.
  const watchdog = await readFile(await bundleWatchdog())
  const watched: Entry = { type: 'file', path: `${HOME}/watchdog.mjs`, mode: 0o644, data: watchdog }
  return {
    entries: [...entries, watched],
    packages: [],
    metafile,
    run: {
      ...COMMON,
      folder: `/${home}`,
      ports: [FUNCTION_PORT, METRICS_PORT],
      env: { ...COMMON.env, ...WATCHDOG_ENV },
      entrypoint: [NODE, `/${HOME}/watchdog.mjs`],
    },
  }
}

/** Settings of of-watchdog, and so of its stand-in. */
const WATCHDOG_ENV = {
  mode: 'http',
  fprocess: `${NODE} index.mjs`,
  http_upstream_url: 'http://127.0.0.1:3000',
  ready_path: '/ready',
  healthcheck_interval: '2s',
  exec_timeout: '60s',
  read_timeout: '60s',
  write_timeout: '60s',
}

const CONNECTOR: Program = {
  entries: { 'infra/connector/main': 'infra/connector/main.ts' },
  files: { 'stack.yml': 'stack.yml' },
}

const BROKER: Program = {
  entries: {
    'infra/broker/main': 'infra/broker/main.ts',
    'infra/broker/contained': 'infra/broker/contained.ts',
  },
  files: {},
}

const MOSQUITTO_PACKAGES = {
  mosquitto: ['usr/sbin/mosquitto'],
  libcap2: [],
  'libcom-err2': [],
  libdlt2: [],
  libgcrypt20: [],
  'libgpg-error0': [],
  'libgssapi-krb5-2': [],
  libk5crypto3: [],
  libkeyutils1: [],
  'libkrb5-3': [],
  libkrb5support0: [],
  'liblz4-1': [],
  liblzma5: [],
  libnsl2: [],
  libssl3: [],
  libsystemd0: [],
  libtirpc3: [],
  libwrap0: [],
  libzstd1: [],
}

const EDGE: Program = {
  entries: {
    'infra/edge/main': 'infra/edge/main.ts',
    'infra/edge/contained': 'infra/edge/contained.ts',
  },
  files: { 'infra/edge/haproxy.cfg': 'infra/edge/haproxy.cfg' },
}

const HAPROXY_PACKAGES = {
  haproxy: ['usr/sbin/haproxy'],
  libcap2: [],
  libcrypt1: [],
  libgcrypt20: [],
  'libgpg-error0': [],
  'liblua5.3-0': [],
  'liblz4-1': [],
  liblzma5: [],
  'libopentracing-c-wrapper0': [],
  libopentracing1: [],
  'libpcre2-8-0': [],
  libssl3: [],
  libsystemd0: [],
  libzstd1: [],
}

const COMMAND: Program = {
  entries: { 'infra/cli/muster': 'infra/cli/muster.ts' },
  files: { 'package.json': 'package.json' },
}

/** Its bundle lies where both the migrations beside it and the files above it are found by their paths. */
async function setupProgram(): Promise<Program> {
  const home = 'infra/setup/bundle'
  const folder = path.join(ROOT, 'infra/migrations')
  const read = (await readdir(folder)).filter((name) => /^\d{6}-.*\.sql$|^grants\.yml$/.test(name))
  return {
    entries: { [`${home}/main`]: 'infra/setup/main.ts' },
    files: {
      'infra/stack.yml': 'stack.yml',
      ...Object.fromEntries(read.map((name) => [`${home}/${name}`, `infra/migrations/${name}`])),
    },
  }
}

async function toolsContents(): Promise<Contents> {
  const [command, setup] = await Promise.all([
    bundleProgram(COMMAND),
    bundleProgram(await setupProgram()),
  ])
  const starters = [
    textFile(`${HOME}/muster.mjs`, "import './infra/cli/muster.mjs'\n"),
    textFile(`${HOME}/setup.mjs`, "import './infra/setup/bundle/main.mjs'\n"),
  ]
  const inputs = { ...command.metafile.inputs, ...setup.metafile.inputs }
  const outputs = { ...command.metafile.outputs, ...setup.metafile.outputs }
  return {
    entries: [...command.entries, ...setup.entries, ...starters],
    packages: [],
    metafile: { inputs, outputs },
    run: { ...COMMON, folder: `/${HOME}`, ports: [], entrypoint: [NODE], command: ['muster.mjs'] },
  }
}

async function programContents(
  program: Program,
  run: Partial<Contents['run']> & Pick<Contents['run'], 'entrypoint'>,
  more: readonly Entry[] = [],
): Promise<Contents> {
  const { entries, metafile } = await bundleProgram(program)
  const defaults = { ...COMMON, folder: `/${HOME}`, ports: [] }
  return { entries: [...entries, ...more], packages: [], metafile, run: { ...defaults, ...run } }
}

async function brokerContents(cache: string): Promise<Contents> {
  const { packages, entries } = await packageEntries(MOSQUITTO_PACKAGES, cache)
  const folder = '/var/lib/muster/broker'
  const contents = await programContents(
    BROKER,
    {
      entrypoint: [NODE, `/${HOME}/infra/broker/contained.mjs`],
      ports: [8883, 8884],
      env: { ...COMMON.env, BROKER_FOLDER: folder },
    },
    [...entries, { type: 'folder', path: folder.slice(1), mode: 0o755 }],
  )
  return { ...contents, packages }
}

async function edgeContents(cache: string): Promise<Contents> {
  const { packages, entries } = await packageEntries(HAPROXY_PACKAGES, cache)
  const folder = '/var/lib/muster/edge'
  const contents = await programContents(
    EDGE,
    {
      entrypoint: [NODE, `/${HOME}/infra/edge/contained.mjs`],
      ports: [8443, 8404],
      env: { ...COMMON.env, EDGE_FOLDER: folder, EDGE_RUN: folder },
    },
    [...entries, { type: 'folder', path: folder.slice(1), mode: 0o755 }],
  )
  return { ...contents, packages }
}

/** Every image of Muster, functions first. */
export async function imageSources(): Promise<ImageSource[]> {
  const functions = (await functionNames()).map((name) => ({
    name,
    contents: () => functionContents(name),
  }))
  return [
    ...functions,
    {
      name: 'connector',
      contents: () =>
        programContents(CONNECTOR, {
          entrypoint: [NODE, `/${HOME}/infra/connector/main.mjs`],
          ports: [METRICS_PORT],
        }),
    },
    { name: 'broker', contents: brokerContents },
    { name: 'edge', contents: edgeContents },
    { name: 'tools', contents: toolsContents },
  ]
}
