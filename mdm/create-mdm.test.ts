import { describeIdentities } from './testing/identity-suite.ts'
import { describeJourney } from './testing/journey-suite.ts'
import { createMemoryPorts } from './testing/memory-ports.ts'
import { describeMessages } from './testing/message-suite.ts'
import { describeScep } from './testing/scep-suite.ts'

describeJourney('ports in memory', async () => createMemoryPorts())
describeMessages('ports in memory', async () => createMemoryPorts())
describeIdentities('ports in memory', async () => createMemoryPorts())
describeScep('ports in memory', async () => createMemoryPorts())
