import type { TrialStep } from '../step.ts'

/** What the engines do on a Mac. */
export const ENGINE_STEPS: readonly TrialStep[] = [
  {
    id: 'E1',
    fact: 'node-llama-cpp’s Metal binary loads after it was signed again with our team',
    run: '`codesign -dv node_modules/@node-llama-cpp/mac-arm64-metal/bins/mac-arm64-metal/llama-addon.node`; `espalier agent run --engine llama`',
    expect: 'our team identifier; the model is ready',
    otherwise: 'ship our own build of llama.cpp',
  },
  {
    id: 'E2',
    fact: '`iogpu.wired_limit_mb` bounds the memory that a GPU may wire, 0 meaning macOS’s own default',
    run: '`/usr/sbin/sysctl -n iogpu.wired_limit_mb`',
    expect: 'a number',
    otherwise: 'take `recommendedMaxWorkingSetSize` of Metal alone',
    probe: { command: ['/usr/sbin/sysctl', '-n', 'iogpu.wired_limit_mb'], output: /^\d+\s*$/ },
  },
  {
    id: 'E3',
    fact: 'A cold model loads at about the speed of the SSD, 5–7 GB/s',
    run: '`sudo purge`; load a model of 20 GB; time it',
    expect: '3–4 s',
    otherwise: 'correct the load rate that the scheduler begins with',
  },
  {
    id: 'E4',
    fact: 'MLX’s first Metal kernels come from `mlx.metallib` beside the library, with nothing compiled at run time',
    run: '`sudo fs_usage -w -f exec` while a model is loaded and answers once',
    expect: 'no compiler is started',
    otherwise: 'call `mx::disable_compile()` on Metal, too',
  },
  {
    id: 'E5',
    fact: 'Reading a flat package with the system’s libarchive works, so that what was built on Linux can be checked there',
    run: '`bsdtar -tf agent.pkg`',
    expect: '`Distribution` and the component packages',
    otherwise: 'check packages on a Mac alone, with `pkgutil`',
  },
  {
    id: 'E6',
    fact: 'Decoding with MLX is faster than with llama.cpp on the same weights',
    run: '`npm run bench -- --engine llama`, then `--engine mlx`, one model of 4 bits',
    expect: 'figures for both; none are promised',
    otherwise: 'the faster one is the default of that model',
  },
]
