/** `unknown`: it could not be found out here, which is not the same as good. */
export type Finding = { check: string; standing: 'good' | 'bad' | 'unknown'; sentence: string }
