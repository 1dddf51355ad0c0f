import { after, before, describe, test } from 'node:test';
import { natsEngine } from '../../../src/cluster/index.ts';
import type { Engine } from '../../../src/cluster/index.ts';
import { engineContract } from '../../../src/testing/index.ts';
import { type AppConnection, CLIENTS } from './clients.ts';
import { NatsServer, noNats } from './server.ts';

// Every package has a server of its own, so the suites can run at once.
describe('contract', { concurrency: true }, () => {
  for (const kind of CLIENTS) {
    describe(`contract of ${kind.name}`, { concurrency: 1, skip: noNats || kind.skip }, () => {
      let server: NatsServer;
      const connections = new Map<Engine, Promise<AppConnection>>();
      before(async () => {
        server = await NatsServer.start();
      });
      after(async () => {
        for (const connection of connections.values()) await (await connection).close();
        await server.end();
      });
      const cases = engineContract(
        (prefix) => {
          // The kit asks one engine for its capabilities before there is a server.
          if (server === undefined) return natsEngine({ connection: new Promise(() => {}), prefix });
          const connection = kind.connect(server.url);
          const engine = natsEngine({ connection, prefix });
          connections.set(engine, connection);
          return engine;
        },
        { disconnect: async (engine) => (await connections.get(engine)!).reconnect() },
      );
      for (const { title, run } of cases) test(`SC-03 ${kind.name}: ${title}`, run);
    });
  }
});
