import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runScenario } from '../../../bench/soak/run.ts';
import { SCENARIOS } from '../../../bench/soak/scenarios.ts';

type Counts = Readonly<Record<string, number>>;
interface Loaded {
  readonly figures: { readonly messages: number; readonly connections: number };
}

/** The figures that tests read; each scenario has some of them. */
interface Figures {
  readonly echo: Loaded;
  readonly all: Loaded;
  readonly closing: Loaded;
  readonly resetting: Loaded;
  readonly closesByCause: Counts;
  readonly report: { readonly counts: Counts };
  readonly counts: Counts;
  readonly opened: number;
  readonly namespaces: string;
}

/** A run of a few seconds. */
interface Short {
  readonly title: string;
  readonly seconds: number;
  readonly connections: number;
  readonly rate: number;
  /** What the figures must show besides the demands. */
  readonly figures?: (figures: Figures) => void;
}

const SHORT: Readonly<Record<string, Short>> = {
  steady: {
    title: 'PF-05: a steady load gets every answer, and leaves no connection',
    seconds: 1,
    connections: 20,
    rate: 100,
    figures: ({ echo }) => assert.ok(echo.figures.messages > 10),
  },
  ramp: {
    title: 'PF-05: over 95 % of a ramp open, with under 1 % of errors',
    seconds: 2,
    connections: 200,
    rate: 200,
    figures: ({ all }) => assert.equal(all.figures.connections, 200),
  },
  churn: {
    title: 'PF-05: connections come and go beside a steady load, and none fails',
    seconds: 2,
    connections: 20,
    rate: 50,
    figures: ({ closing, resetting }) =>
      assert.ok(closing.figures.messages > 0 && resetting.figures.messages > 0),
  },
  mixed: {
    title: 'PF-06: small, large and compressed messages, broadcasts and churn at once: every answer is right',
    seconds: 2,
    connections: 20,
    rate: 60,
    figures: (figures) =>
      assert.deepEqual(Object.keys(figures), [
        'small messages',
        '64 KiB',
        '1 MiB',
        'compressed',
        'broadcast',
        'coming and going',
      ]),
  },
  broadcast: {
    title: 'PF-06: every broadcast reaches every client',
    seconds: 1,
    connections: 40,
    rate: 20,
  },
  'slow-consumers': {
    title: 'PF-07: a client that reads nothing is closed, and the others get every message',
    seconds: 4,
    connections: 5,
    rate: 60,
    figures: ({ closesByCause }) => assert.ok(closesByCause['slow-consumer']! > 0),
  },
  'reconnect-storm': {
    title: 'TS-13: all clients come back after a cut and after a kill, and nothing is lost silently',
    seconds: 2,
    connections: 60,
    rate: 40,
    figures: ({ report }) => {
      // On a slow machine, load control may close some of them once more.
      assert.ok(report.counts['recovered']! >= 60);
      assert.equal(report.counts['lostAnnounced'], 60);
    },
  },
  partition: {
    title: 'TS-13: delay, loss, partitions and resets lose no message silently',
    seconds: 5,
    connections: 10,
    rate: 200,
    figures: ({ report, namespaces, ...troubles }) => {
      assert.ok(report.counts['recovered']! >= 10);
      // Where namespaces are not allowed, a proxy makes the trouble that it can make.
      if (namespaces !== 'used') return;
      assert.equal(Object.keys(troubles).length >= 6, true);
      const [, lossy] = Object.entries(troubles).find(([name]) => name.includes('loses packets'))!;
      assert.ok((lossy as { readonly sentAgain: number }).sentAgain > 0, 'no packet was lost');
    },
  },
  'exhaust-fds': {
    title: 'PF-07: without descriptors a server keeps its clients, says why it refuses, and recovers',
    seconds: 4,
    connections: 40,
    rate: 40,
  },
  'exhaust-memory': {
    title: 'PF-07: the server ends clients of a flood with a reason; its process and other clients survive',
    seconds: 4,
    connections: 30,
    rate: 40,
  },
  'cpu-hog': {
    title: 'PF-07: a machine without free cores costs no connection and no answer',
    seconds: 3,
    connections: 10,
    rate: 20,
  },
  many: {
    title: 'PF-15: idle connections all get a message and answer a ping',
    seconds: 0.5,
    connections: 300,
    rate: 0,
    figures: ({ opened }) => assert.equal(opened, 300),
  },
  'many-http2': {
    title: 'PF-15: idle connections over HTTP/2 all get a message and answer a ping',
    seconds: 0.5,
    connections: 300,
    rate: 0,
    figures: ({ opened }) => assert.equal(opened, 300),
  },
  cluster: {
    title: 'SC-05: nodes are killed at random, and nothing is lost or comes twice',
    seconds: 6,
    connections: 60,
    rate: 200,
    figures: ({ counts }) => {
      assert.ok(counts['published']! > 100 && counts['delivered']! > 100);
      assert.equal(counts['lostAnnounced'], 0);
    },
  },
};

// Most of the time a scenario waits, so two at a time take half as long.
describe('short forms of the scenarios', { concurrency: 2 }, async () => {
  for (const scenario of SCENARIOS) {
    const short = SHORT[scenario.name];
    assert.ok(short !== undefined, `${scenario.name} has no short form`);
    const { title, seconds, connections, rate, figures } = short;
    test(title, { skip: (await scenario.unavailable?.()) ?? false }, async () => {
      const results = await runScenario(scenario, { durationMs: seconds * 1_000, connections, rate });
      // Times and memory depend on the machine; a test judges counts only.
      const counted = results.criteria.filter(({ kind }) => kind === 'count');
      assert.ok(counted.length > 0);
      assert.deepEqual(
        counted.filter(({ isMet }) => !isMet),
        [],
      );
      figures?.(results.figures as unknown as Figures);
    });
  }
});
