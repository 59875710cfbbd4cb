import type { TrialStep } from '../step.ts'

/** What the agent reads of macOS, and how macOS treats the agent. */
export const PLATFORM_STEPS: readonly TrialStep[] = [
  {
    id: 'S1',
    isBlocking: true,
    fact: 'Root reads the installed profiles, payloads included, from the command line',
    run: '`sudo /usr/bin/profiles show -output stdout-xml`',
    expect: 'a property list with `PayloadContent`',
    otherwise: 'the agent gets its ticket from where row 1 says',
    probe: {
      command: ['/usr/bin/profiles', 'show', '-output', 'stdout-xml'],
      needsRoot: true,
      output: /<plist[\s\S]*ProfileItems|PayloadContent/,
    },
  },
  {
    id: 'S2',
    fact: '`csrutil status` says in one known sentence whether System Integrity Protection is on',
    run: '`/usr/bin/csrutil status`',
    expect: '`System Integrity Protection status: enabled.`',
    otherwise: 'read `csr_get_active_config` through the native module',
    probe: { command: ['/usr/bin/csrutil', 'status'], output: /^System Integrity Protection status: enabled\.\s*$/m },
  },
  {
    id: 'S3',
    fact: '`kern.bootsessionuuid` is a UUID that changes with every start of the Mac and with nothing else',
    run: '`/usr/sbin/sysctl -n kern.bootsessionuuid`; again after sleep, and after a restart',
    expect: 'a UUID; the same after sleep, another after a restart',
    otherwise: 'derive the boot session from `kern.boottime` and the attestation’s time',
    probe: { command: ['/usr/sbin/sysctl', '-n', 'kern.bootsessionuuid'], output: /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\s*$/ },
  },
  {
    id: 'S4',
    fact: 'The serial number is read from the I/O registry without root',
    run: '`/usr/sbin/ioreg -rd1 -c IOPlatformExpertDevice`',
    expect: '`"IOPlatformSerialNumber" = "…"`',
    otherwise: 'read it through the native module',
    probe: { command: ['/usr/sbin/ioreg', '-rd1', '-c', 'IOPlatformExpertDevice'], output: /"IOPlatformSerialNumber" = "[A-Z0-9]{8,14}"/ },
  },
  {
    id: 'S5',
    fact: '`rdma_ctl status` says whether RDMA over Thunderbolt is on',
    run: '`rdma_ctl status`',
    expect: '`disabled` or `enabled`',
    otherwise: 'without the tool the claim is `false`, and RDMA is not offered on that macOS',
    probe: { command: ['/usr/bin/rdma_ctl', 'status'], output: /\b(enabled|disabled)\b/i },
  },
  {
    id: 'S6',
    fact: 'Node runs under the Hardened Runtime with `com.apple.security.cs.allow-jit` alone, and with all libraries of one team',
    run: 'sign the package with that one entitlement; `espalier agent run`',
    expect: 'it runs; `codesign -d --entitlements -` shows no other',
    otherwise: 'add `allow-unsigned-executable-memory`, or run `--jitless`; never `disable-library-validation`',
  },
  {
    id: 'S7',
    fact: '`ptrace(PT_DENY_ATTACH)` and a missing `get-task-allow` keep a debugger of root out while SIP is on',
    run: '`sudo lldb -p $(pgrep -f "agent run")`',
    expect: 'attaching fails',
    otherwise: 'say in the threat model that root reads the agent’s memory',
  },
]
