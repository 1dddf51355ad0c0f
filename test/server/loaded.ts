import type { LoadProbe, WebSocketServer } from '../../src/index.ts';
import { companionOf } from '../../src/connection/emitter.ts';
import type { LoadLevel } from '../../src/observe/load-control/level.ts';
import type { ServerCore } from '../../src/server/server-core.ts';
import { IDLE } from '../observe/load-control/signals.ts';

/** The private side of a server. */
export const coreOf = (server: WebSocketServer): ServerCore<unknown> =>
  companionOf(server) as ServerCore<unknown>;

/** Gives a server a level of load by hand. @returns The source; set its `level`. */
export function levelOf(server: WebSocketServer, level: LoadLevel): { level: LoadLevel } {
  const source = { level };
  coreOf(server).guard.gate.source = source;
  return source;
}

const DELAYS_MS: Readonly<Record<LoadLevel, number>> = { normal: 0, elevated: 10, critical: 50 };

/** A probe for load control, whose signals are those of a level. The level rises with the next sample, and falls later. */
export function probeOf(level: LoadLevel = 'normal'): { level: LoadLevel; readonly probe: LoadProbe } {
  const load = { level, probe: () => ({ ...IDLE, eventLoopDelayMs: DELAYS_MS[load.level] }) };
  return load;
}
