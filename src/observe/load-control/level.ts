import type { LoadSignalName } from './signals.ts';

/** How close a server is to its capacity. */
export type LoadLevel = 'normal' | 'elevated' | 'critical';

/** Every level, the lowest first. */
export const LOAD_LEVELS: readonly LoadLevel[] = Object.freeze(['normal', 'elevated', 'critical']);

/** Knows the level at this moment. */
export interface LevelSource {
  readonly level: LoadLevel;
  /** The signals that reached the level, if they are known. */
  readonly causes?: readonly LoadSignalName[];
}

/** The level of a server without load control. */
export const CALM: LevelSource = Object.freeze({ level: 'normal' });
