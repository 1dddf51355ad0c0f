import type { WebSocketServer } from '../../src/index.ts';
import { companionOf } from '../../src/connection/emitter.ts';
import type { LoadLevel } from '../../src/observe/load-control/level.ts';
import type { ServerCore } from '../../src/server/server-core.ts';

/** The private side of a server. */
export const coreOf = (server: WebSocketServer): ServerCore<unknown> =>
  companionOf(server) as ServerCore<unknown>;

/** Gives a server a level of load by hand. @returns The source; set its `level`. */
export function levelOf(server: WebSocketServer, level: LoadLevel): { level: LoadLevel } {
  const source = { level };
  coreOf(server).gate.source = source;
  return source;
}
