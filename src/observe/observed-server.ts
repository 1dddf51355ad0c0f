import { companionOf } from '../connection/emitter.ts';
import type { Engine } from '../engine/engine.ts';
import { refuseArgument } from '../options/call-check.ts';
import type { ServerReading } from './metrics/reading.ts';

/** The private side of a server, as the functions of this folder see it. */
export interface ObservedServer {
  readonly engine: Engine;
  readMetrics(): ServerReading;
}

/**
 * The private side of a server that an application passes.
 * @param call The called function, for the error message.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a `WebSocketServer`.
 */
export function observedServer(call: string, name: string, server: unknown): ObservedServer {
  const companion = companionOf(server) as Partial<ObservedServer> | undefined;
  return typeof companion?.readMetrics === 'function'
    ? (companion as ObservedServer)
    : refuseArgument(call, name, server, 'a WebSocketServer');
}
