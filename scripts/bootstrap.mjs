/**
 * The first step of every npm script: brings a fresh clone to the point where the pinned Node runs
 * TypeScript, then hands over to `scripts/<task>.ts`.
 *
 * This is the one script that runs on whatever Node the machine has (20 or later), hence JavaScript.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = `${root}node_modules/.bin/node`
const oldestNode = 20
const forwarded = /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'])

const [task, ...args] = process.argv.slice(2)
const problem = (task === undefined ? 'name a task' : undefined) ?? checkNode() ?? install()
if (problem === undefined) handOver()
else {
  console.error(`trijet: ${problem}`)
  process.exitCode = 1
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0])
  return major >= oldestNode ? undefined : `Node ${oldestNode} or later is needed, this is ${major}`
}

/** Runs `npm ci` unless what is installed is what the lock file says. */
function install() {
  if (!isInstalled()) {
    console.log('trijet: installing packages (npm ci)')
    // npm must not run on the Node that it is about to replace.
    const path = (process.env['PATH'] ?? '').split(delimiter)
    const outside = path.filter((folder) => !folder.endsWith('/node_modules/.bin'))
    const env = { ...process.env, PATH: outside.join(delimiter) }
    const { status, error } = spawnSync('npm', ['ci'], { cwd: root, env, stdio: 'inherit' })
    if (status !== 0) return `npm ci failed${error ? `: ${error.message}` : ''}`
  }
  if (existsSync(node)) return undefined
  return (
    'the pinned Node is not there: its package unpacks it in an install script, and npm was told to ' +
    'ignore those. Run: npm ci --ignore-scripts=false'
  )
}

function isInstalled() {
  const wanted = readPackages('package-lock.json')
  const present = readPackages('node_modules/.package-lock.json')
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || optional || present[path]?.version === version,
  )
}

/**
 * @param {string} name
 * @returns {Record<string, { version: string, optional?: boolean }>}
 */
function readPackages(name) {
  const path = `${root}${name}`
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {}
}

/** Runs the task in our place: same terminal, same signals, same exit code. */
function handOver() {
  const child = spawn(node, [`${root}scripts/${task}.ts`, ...args], { cwd: root, stdio: 'inherit' })
  for (const name of forwarded) process.on(name, () => child.kill(name))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1
    if (signal !== null) console.error(`trijet: ${task} was ended by ${signal}`)
  })
}
