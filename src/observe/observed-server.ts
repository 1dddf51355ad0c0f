import type { AddressInfo } from 'node:net';
import { companionOf } from '../connection/emitter.ts';
import type { Observers } from '../connection/observers.ts';
import type { Clock } from '../engine/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import { refuseArgument } from '../options/call-check.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import type { ServerReading } from './metrics/reading.ts';
import type { HandshakeTracer, MessageTracer } from './tracing/traces.ts';

/** The private side of a server, as the functions of this folder see it. */
export interface ObservedServer {
  readonly engine: Engine;
  readonly options: ResolvedServerOptions;
  readonly observers: Observers;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The WebSocketServer that the application holds. */
  readonly emitter: { address(): AddressInfo | string | null };
  handshakeTracer: HandshakeTracer | undefined;
  messageTracer: MessageTracer | undefined;
  readMetrics(): ServerReading;
}

/**
 * The private side of a server that an application passes.
 * @param call The called function, for the error message.
 * @throws MisuseError `ERR_ARGUMENT` for anything but a `WebSocketServer`.
 */
export function observedServer(call: string, name: string, server: unknown): ObservedServer {
  const isObject = typeof server === 'object' && server !== null;
  const companion = (isObject ? companionOf(server) : undefined) as Partial<ObservedServer> | undefined;
  return typeof companion?.readMetrics === 'function'
    ? (companion as ObservedServer)
    : refuseArgument(call, name, server, 'a WebSocketServer');
}
