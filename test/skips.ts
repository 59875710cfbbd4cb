/**
 * The skips that continuous integration accepts, each with its reason and the date of the decision. Any other visible skip fails
 * the run when CI=true.
 */
export const ACCEPTED_SKIPS: { test: string; reason: string; since: string }[] = []
