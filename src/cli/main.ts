import { start } from '../engine/process/start.ts'
import { toPlace } from '../engine/process/place.ts'
import { parseOptions } from './options.ts'

const options = parseOptions(process.argv.slice(2))
process.exit(await start({ place: toPlace(options), globals: options.globals ?? '' }))
