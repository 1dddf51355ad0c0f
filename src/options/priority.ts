/**
 * How important a connection is while the server is overloaded. `critical` is never shed and never refused because of load;
 * `low` is shed first.
 */
export type Priority = 'critical' | 'high' | 'normal' | 'low';

/** Every priority, the most important one first. */
export const PRIORITIES: readonly Priority[] = Object.freeze(['critical', 'high', 'normal', 'low']);

/** Ends the sentence "it must be …". */
export const PRIORITIES_ALLOWED = "'critical', 'high', 'normal' or 'low'";

export const isPriority = (value: unknown): value is Priority =>
  (PRIORITIES as readonly unknown[]).includes(value);
