import { storeConformance } from './conformance.ts'
import { MemoryStore } from './memory-store.ts'

storeConformance('memory store', async (limits) => new MemoryStore(limits))
