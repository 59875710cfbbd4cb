/** Equals package.json's version (a test holds them together): a bundled agent has no package.json beside it. */
export const AGENT_VERSION = '0.1.0'
