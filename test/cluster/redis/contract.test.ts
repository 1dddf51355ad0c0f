import { after, before, describe, test } from 'node:test';
import { redisEngine } from '../../../src/cluster/index.ts';
import { engineContract } from '../../../src/testing/index.ts';
import { CLIENTS, Commands, ioredis, UNCONNECTED } from './clients.ts';
import { noRedis, RedisServer } from './server.ts';

// Every library has a server of its own, so the suites can run at once.
describe('contract', { concurrency: true }, () => {
  for (const kind of CLIENTS) {
    describe(`contract of ${kind.name}`, {
      concurrency: 1,
      skip: noRedis || kind.skip || ioredis.skip,
    }, () => {
      let server: RedisServer | undefined;
      let commands: Commands;
      before(async () => {
        server = await RedisServer.start();
        commands = new Commands(server.port);
      });
      after(async () => {
        commands.close();
        await server?.end();
      });
      const cases = engineContract(
        // The kit asks one engine for its capabilities before there is a server, and where no library is installed.
        (prefix) =>
          redisEngine({ client: server === undefined ? UNCONNECTED : kind.client(server.port), prefix }),
        { disconnect: () => commands.cutAll() },
      );
      for (const { title, run } of cases) test(`SC-03 ${kind.name}: ${title}`, run);
    });
  }
});
