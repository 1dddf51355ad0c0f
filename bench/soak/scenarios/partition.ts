import { setTimeout as delay } from 'node:timers/promises';
import { duration, whole } from '../../../src/load/index.ts';
import { Followed, nothingLost } from '../followed.ts';
import { Network, noNamespaces } from '../network.ts';
import { Peer } from '../peer.ts';
import { count, type Criterion, type Scenario } from '../scenario.ts';

const MESSAGE_BYTES = 512;
const EACH_TOPIC = 10;
const LIMIT_MS = 60_000;
/** Short times, so that both sides find out in a short run. A partition is `short` if it ends before that. */
const HEARTBEAT = { pingIntervalMs: 1_000, pongTimeoutMs: 900, maxMissedPongs: 2 };
const BACK_OFF = { connectTimeoutMs: 2_000, baseDelayMs: 200, maxFirstDelayMs: 500, maxDelayMs: 1_000 };
const DELAY_MS = 150;
const NARROW = { kilobits: 2_000, queueBytes: 6_000 };
const NETEM = { delayMs: 80, jitterMs: 30, lossPercent: 3 };

interface Trouble {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  /** Whether packets are lost; the trouble lasts until the server has sent one again. */
  readonly losesPackets?: boolean;
}

const nothing = (): Promise<void> => Promise.resolve();

/** Trouble that a proxy makes. It works everywhere. */
const ofProxy = (proxy: Peer): Trouble[] => [
  {
    name: `delay of ${DELAY_MS} ms ± 50 % in each direction`,
    begin: () => proxy.ask('delay', DELAY_MS),
    end: () => proxy.ask('delay', 0),
  },
  { name: 'a proxy that passes nothing on', begin: () => proxy.ask('stop'), end: () => proxy.ask('go') },
  { name: 'resets by a proxy', begin: () => proxy.ask('reset'), end: nothing },
];

/** Trouble on the way, which needs namespaces. */
const ofNetwork = (network: Network): Trouble[] => [
  {
    name: `a line of ${NARROW.kilobits} kbit/s that loses packets`,
    begin: () => network.narrow(NARROW.kilobits, NARROW.queueBytes),
    end: () => network.widen(),
    losesPackets: true,
  },
  { name: 'no packet passes', begin: () => network.part(), end: () => network.join() },
  { name: 'resets in the network', begin: () => network.reset(), end: nothing },
];

/** Clients and server, each in a network namespace of its own where that is allowed, with trouble in between. */
export const partition: Scenario = {
  name: 'partition',
  summary: 'delay, loss, partitions and resets between clients and server: no message is lost silently',
  defaults: { minutes: 2, connections: 200, rate: 200 },
  async run({ open, connections, rate, durationMs }) {
    const without = noNamespaces();
    const network = without === undefined ? await Network.make() : undefined;
    const host = network?.host ?? '127.0.0.1';
    const nearSide = network === undefined ? {} : { within: network.nearSide };
    const farSide = network === undefined ? {} : { within: network.farSide };
    const proxy = new Peer('proxy', nearSide);
    try {
      const stage = await open({
        server: { roles: ['topics'], host, options: { maxConnections: 4 * connections, ...HEARTBEAT } },
        serverProcess: nearSide,
        clientProcesses: [farSide],
      });
      const port = await proxy.ask<number>('start', { host, port: stage.ports.topics });
      const followed = await Followed.start(
        stage,
        stage.clients,
        { topics: Math.ceil(connections / EACH_TOPIC), messagesPerSecond: rate, bytes: MESSAGE_BYTES },
        { url: `ws://${host}:${port}/`, clients: connections, options: { ...HEARTBEAT, ...BACK_OFF } },
      );
      await followed.allLive(LIMIT_MS);
      const troubles = [...ofProxy(proxy), ...(network === undefined ? [] : ofNetwork(network))];
      if (network !== undefined && (await network.slow(NETEM.delayMs, NETEM.jitterMs, NETEM.lossPercent))) {
        await network.widen();
        troubles.push({
          name: `netem: ${NETEM.delayMs} ± ${NETEM.jitterMs} ms, ${NETEM.lossPercent} % loss`,
          begin: () => network.slow(NETEM.delayMs, NETEM.jitterMs, NETEM.lossPercent),
          end: () => network.widen(),
        });
      }
      const criteria: Criterion[] = [];
      const figures: Record<string, unknown> = { namespaces: without ?? 'used' };
      const each = durationMs / troubles.length / 2;
      for (const { name, begin, end, losesPackets = false } of troubles) {
        const before = await network?.retransmitted();
        stage.mark(name);
        await begin();
        await delay(each);
        // A server that gets no CPU time sends nothing, and so loses nothing.
        if (network !== undefined && losesPackets)
          await stage.until(async () => (await network.retransmitted()) > before!);
        await end();
        stage.mark('it is over');
        const tookMs = await followed.allLive(LIMIT_MS);
        const sentAgain = network === undefined ? null : (await network.retransmitted()) - before!;
        criteria.push(
          count(
            `${name}: all ${whole(connections)} clients are live afterwards`,
            `${tookMs === undefined ? 'no' : `after ${duration(tookMs)}`}${sentAgain === null ? '' : `; the server sent ${whole(sentAgain)} segments again`}`,
            tookMs !== undefined,
          ),
        );
        figures[name] = { tookMs, sentAgain };
        await delay(each);
      }
      const report = await followed.end(LIMIT_MS);
      return { criteria: [...criteria, ...nothingLost(report)], figures: { ...figures, report } };
    } finally {
      await proxy.kill();
      await network?.[Symbol.asyncDispose]();
    }
  },
};
