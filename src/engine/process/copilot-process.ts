/** The program of a copilot's process: hosts the copilot that its command line names. */
import { ConfigurationError } from './configuration.ts'
import { CopilotHost } from './copilot-host.ts'
import type { HostOptions } from './copilot-pool.ts'
import { faultText } from './fault-text.ts'
import { processChannel } from './master-channel.ts'

const options = JSON.parse(process.argv[2]!) as HostOptions
process.title = `trijet: ${options.title}`

const host = new CopilotHost(options, processChannel())

for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(name, () => host.stop())
process.on('SIGHUP', () => host.restart())
process.on('SIGUSR1', () => host.reopenLogs())
for (const name of ['SIGUSR2', 'SIGWINCH', 'SIGPIPE'] as const) process.on(name, () => undefined)
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))

try {
  const told = await host.run()
  if (!told) host.log.write('alert', `${options.title} ended without being told to`)
  process.exit(told ? 0 : 1)
} catch (error) {
  fail(error)
}

function fail(error: unknown): never {
  // What is wrong with a configuration has been told, line by line.
  if (error instanceof ConfigurationError) process.exit(2)
  host.log.write('alert', `${options.title} fails: ${faultText(error)}`)
  process.exit(2)
}
