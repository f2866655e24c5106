import { storeConformance } from './conformance.ts'
import { MemoryStore } from './memory-store.fixture.ts'

storeConformance('memory store', async (limits) => new MemoryStore(limits))
