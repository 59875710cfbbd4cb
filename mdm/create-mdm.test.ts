import { describeJourney } from './testing/journey-suite.ts'
import { createMemoryPorts } from './testing/memory-ports.ts'

describeJourney('ports in memory', async () => createMemoryPorts())
