// Who may import whom. Every rule is an error and says why it stands; test/house/imports.test.ts plants a violation of each.

const ours = '^(app|server|agent|mdm|native|deploy|test)/'
const borders = '^server/(http|trpc|gateway)/'
const core = '^server/(inference|scheduler|attestation|fleet|usage|audit|compliance|alerts|auth|push|policy|apple-business|releases|setup)/'
/** Values, types, clocks: imported by everybody, importing nobody. */
const shared = '^server/(errors|clock)\\.ts$'
const protocol = '^server/protocol/'
const store = '^server/store/'
const tests = '\\.test\\.tsx?$|/testing/|/conformance\\.ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle cannot be read from top to bottom, and its files cannot be tested or replaced alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that does not resolve is checked by no other rule here.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'protocol-is-a-leaf',
      comment: 'Coordinator, agent, proxy and verifier ship it: it may need nothing but zod, noble, hpke and Node itself.',
      severity: 'error',
      from: { path: protocol, pathNot: tests },
      to: { pathNot: [protocol, '^node_modules/(zod|@noble/[^/]+|hpke)/'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'mdm-knows-nobody',
      comment: 'Apple’s MDM is a library: it declares the interfaces it needs and knows neither fleet nor trust.',
      severity: 'error',
      from: { path: '^mdm/', pathNot: tests },
      to: { path: ours, pathNot: '^mdm/' },
    },
    {
      name: 'native-knows-nobody',
      comment: 'The addon is the lowest layer of the agent.',
      severity: 'error',
      from: { path: '^native/', pathNot: tests },
      to: { path: ours, pathNot: '^native/' },
    },
    {
      name: 'agent-shares-only-the-protocol',
      comment: 'The agent ships to Macs without the server. Its proxy may bring the offline verifier.',
      severity: 'error',
      from: { path: '^agent/', pathNot: [tests, '^agent/proxy/'] },
      to: { path: ours, pathNot: ['^agent/', protocol, '^native/'] },
    },
    {
      name: 'proxy-shares-only-protocol-and-verifier',
      comment: 'The proxy runs on an employee’s machine; it trusts what it verifies itself.',
      severity: 'error',
      from: { path: '^agent/proxy/', pathNot: tests },
      to: { path: ours, pathNot: ['^agent/', protocol, '^native/', '^server/compliance/verifier/'] },
    },
    {
      name: 'native-has-one-importer',
      comment: 'Only the typed facade loads the .node file.',
      severity: 'error',
      from: { pathNot: '^native/' },
      to: { path: '\\.node$', pathNot: '^node_modules/' },
    },
    {
      name: 'console-asks-and-shows',
      comment: 'The console decides nothing and touches no database: it knows the types of the console’s API and the protocol.',
      severity: 'error',
      from: { path: '^app/', pathNot: tests },
      to: { path: ours, pathNot: ['^app/', '^server/trpc/root\\.ts$', protocol] },
    },
    {
      name: 'console-knows-types-only',
      comment: 'Next would bundle its own copy of the server’s modules, with their own state.',
      severity: 'error',
      from: { path: '^app/', pathNot: tests },
      to: { path: '^server/trpc/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'borders-do-not-skip-the-core',
      comment: 'Borders turn bytes into types; the core decides, and it alone asks the store for more than a type.',
      severity: 'error',
      from: { path: borders, pathNot: tests },
      to: { path: store, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-knows-no-border',
      comment: 'A decision that knows HTTP cannot be tested with values.',
      severity: 'error',
      from: { path: core, pathNot: tests },
      to: {
        path: [borders, '^app/', '^deploy/', '^server/[^/]+\\.ts$'],
        pathNot: [shared, '^server/(log|secrets)\\.ts$'],
      },
    },
    {
      name: 'attestation-is-pure',
      comment: 'Evidence in, verdict out: no store, no files, no network, no neighbour. mdm’s parsers of a device’s replies are as pure.',
      severity: 'error',
      from: { path: '^server/attestation/', pathNot: tests },
      to: {
        path: [ours, '^(node:)?(fs|net|http|https|child_process|timers)(/|$)'],
        pathNot: ['^server/attestation/', protocol, shared, '^mdm/'],
      },
    },
    {
      name: 'scheduler-is-pure',
      comment: 'It chooses over a snapshot; a snapshot has no database behind it.',
      severity: 'error',
      from: { path: '^server/scheduler/', pathNot: tests },
      to: { path: ours, pathNot: ['^server/scheduler/', protocol, shared] },
    },
    {
      name: 'verifier-stands-alone',
      comment: 'Whoever does not trust us reads the verifier alone; it must not share a fault with what it verifies.',
      severity: 'error',
      from: { path: '^server/compliance/verifier/', pathNot: tests },
      to: { path: ours, pathNot: '^server/compliance/verifier/' },
    },
    {
      name: 'store-is-the-floor',
      comment: 'The store keeps rows; it takes their types from the core and calls nobody. The audit’s schema checks what is appended.',
      severity: 'error',
      from: { path: store, pathNot: tests },
      to: { path: ours, pathNot: [store, protocol, shared, '^server/audit/events\\.ts$'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'one-importer-of-prisma',
      comment: 'Prisma’s types and errors stay behind server/store, so that it can be replaced there.',
      severity: 'error',
      from: { pathNot: [store, '^deploy/commands/make-migration\\.ts$', '^prisma\\.config\\.ts$'] },
      to: { path: ['^server/store/generated/', '^node_modules/(@prisma|prisma|\\.prisma)/'] },
    },
    {
      name: 'main-is-not-imported',
      comment: 'main.ts alone knows everything; whoever imports it knows everything too. The command that starts it is the exception.',
      severity: 'error',
      from: { pathNot: ['^deploy/commands/serve\\.ts$', '^test/'] },
      to: { path: '^server/main\\.ts$' },
    },
    {
      name: 'software-mac-is-a-process',
      comment: 'A Mac made of software speaks the real protocols from outside; imported, it would share memory with the appliance.',
      severity: 'error',
      from: { path: '^(app|server|agent|mdm|native)/', pathNot: tests },
      to: { path: '^test/' },
    },
    {
      name: 'product-needs-no-test-package',
      comment: 'What is in devDependencies is not installed where the product runs.',
      severity: 'error',
      from: { path: '^(app|server|agent|mdm|native)/', pathNot: [tests, '\\.d\\.ts$'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^server/store/generated/'] },
    exclude: { path: ['^server/store/generated/internal/', '^\\.next/'] },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.d.ts'],
    },
  },
}
