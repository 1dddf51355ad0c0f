import type { IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import { connectWith } from '../../src/client/connect.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { SafeEmitter } from '../../src/connection/emitter.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { ConnectOptions } from '../../src/options/connect-options.ts';
import type { ServerOptions } from '../../src/options/resolve-server-options.ts';
import { HeadParser } from '../../src/protocol/handshake/http-head.ts';
import { ServerCore } from '../../src/server/server-core.ts';
import type { ServerEvents } from '../../src/server/server-events.ts';
import { duplexPair } from '../../src/testing/index.ts';

/** Both ends of one connection. */
export interface Ends {
  readonly client: Connection;
  readonly server: Connection;
}

/** A server and its clients on one engine, without a network. Everything ends with the test. */
export function serving(
  t: TestContext,
  engine: Engine,
  options: ServerOptions = {},
): {
  readonly core: ServerCore<unknown>;
  readonly events: SafeEmitter<ServerEvents<unknown>>;
  readonly join: (options?: ConnectOptions) => Promise<Ends>;
} {
  const core = new ServerCore<unknown>(options, engine);
  const events = new SafeEmitter<ServerEvents<unknown>>(core);
  core.emitter = events;
  const ends: Connection[] = [];
  t.after(async () => {
    for (const each of ends) each.terminate();
    await Promise.all(ends.map((each) => each.closed));
  });
  const join = async (clientOptions: ConnectOptions = {}): Promise<Ends> => {
    const wire = duplexPair();
    const connecting = connectWith<unknown>(engine, [
      'ws://localhost/',
      { ...clientOptions, socket: wire.client },
    ]);
    const parser = new HeadParser({ maxHeadBytes: 65_536, maxHeaderFields: 100 });
    const accepting = new Promise<Connection | undefined>((resolve) => {
      const received = (chunk: Buffer): void => {
        const head = parser.receive(chunk);
        if (head === undefined) return;
        wire.server.off('data', received).pause();
        resolve(core.arrivals.upgrade(wire.server, head, parser.takeRest(), {} as IncomingMessage));
      };
      wire.server.on('data', received);
    });
    const [client, server] = [await connecting, (await accepting)!];
    ends.push(client, server);
    return { client, server };
  };
  return { core, events, join };
}
