/** `-t` and `-T`: tests a configuration and says how it went, in nginx's words. */
import { dumpFiles } from '../engine/conf/printer.ts'
import { format, program } from '../engine/process/announcer.ts'
import { testConfiguration } from '../engine/process/configuration-test.ts'
import type { Place } from '../engine/process/place.ts'
import type { Options } from './options.ts'

/** Gives the exit code. */
export async function testCommand(
  { globals = '', quiet, dump }: Options,
  place: Place,
): Promise<number> {
  const { read, diagnostics, syntaxOk } = await testConfiguration(place, globals)
  const say = (text: string): void => console.error(text)
  const file = `configuration file ${place.entry}`
  const failed = diagnostics.some(({ severity }) => severity === 'emerg')
  if (syntaxOk && !quiet) say(`${program}: the ${file} syntax is ok`)
  for (const diagnostic of diagnostics) {
    say(`${program}: [${diagnostic.severity}] ${format(diagnostic)}`)
  }
  if (failed) say(`${program}: ${file} test failed`)
  else if (!quiet) say(`${program}: ${file} test is successful`)
  if (dump && !failed) process.stdout.write(dumpFiles(Object.entries(read.files.texts)))
  return failed ? 1 : 0
}
