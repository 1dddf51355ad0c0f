import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/index.ts';
import type { ConnectError, ServerOptions } from '../../src/index.ts';
import { close, continuation, duplexPair, eventLoopTurns, RawClient, text } from '../../src/testing/index.ts';
import { accepting } from '../client/live.ts';
import { live, type Live, upgradeRequest } from '../server/live.ts';

/** Deadline of every row, in ms. */
const LIMIT_MS = 3_000;
/** Maximum delay of a deadline: the interval between two clock reads and two slots of the deadline queue. */
const SLACK_MS = 350;

/** A deadline that a stalled event loop must not consume. */
interface Row {
  readonly limit: string;
  readonly options?: ServerOptions;
  /** Starts the period. */
  readonly begin: (fixture: Live) => Promise<{
    /** Whether the limit was reached. */
    readonly isOver: () => boolean;
    /** The peer acts in time. */
    readonly answer: () => Promise<void> | void;
    /** After the peer acted: whether the connection is unchanged. */
    readonly check: () => void;
    /** Frees resources that the fixture does not manage. */
    readonly leave?: () => void;
  }>;
}

const NO_OTHERS = { heartbeat: false, idleTimeoutMs: false } as const;

const ROWS: readonly Row[] = [
  {
    limit: 'messageTimeoutMs',
    options: { ...NO_OTHERS, messageTimeoutMs: LIMIT_MS },
    begin: async ({ join, server }) => {
      const got: string[] = [];
      server.on('message', (_, message) => void got.push(message.toString()));
      const { raw, connection } = await join();
      raw.send(text('a', { fin: false }));
      await eventLoopTurns(3);
      return {
        isOver: () => connection.state !== 'open',
        answer: () => raw.send(continuation('b')),
        check: () => assert.deepEqual([got, connection.state], [['ab'], 'open']),
      };
    },
  },
  {
    limit: 'upgradeTimeoutMs',
    options: {
      upgradeTimeoutMs: LIMIT_MS,
      upgrade: () => waiting,
    },
    begin: async ({ server, refusals }) => {
      const wire = duplexPair();
      const raw = RawClient.over(wire.client);
      let decide = (): void => {};
      waiting = new Promise((resolve) => (decide = () => resolve(undefined)));
      const upgraded = server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
      await eventLoopTurns(3);
      return {
        isOver: () => refusals.length > 0,
        answer: async () => {
          decide();
          (await upgraded)?.terminate();
        },
        check: () => assert.deepEqual(refusals, []),
        leave: () => raw[Symbol.dispose](),
      };
    },
  },
  {
    limit: 'closeTimeoutMs',
    options: { ...NO_OTHERS, closeTimeoutMs: LIMIT_MS },
    begin: async ({ join, closes }) => {
      const { raw, connection } = await join();
      connection.close(4000);
      await eventLoopTurns(3);
      return {
        isOver: () => connection.state === 'closed',
        answer: () => {
          raw.send(close(4000));
          raw.end();
        },
        check: () =>
          assert.deepEqual(
            closes.map(({ wasClean }) => wasClean),
            [true],
          ),
      };
    },
  },
  {
    limit: 'idleTimeoutMs',
    options: { heartbeat: false, idleTimeoutMs: LIMIT_MS },
    begin: async ({ join, server }) => {
      server.on('message', () => undefined);
      const { raw, connection } = await join();
      return {
        isOver: () => connection.state !== 'open',
        answer: () => raw.send(text('here')),
        check: () => assert.equal(connection.state, 'open'),
      };
    },
  },
  {
    limit: 'connectTimeoutMs of a client',
    begin: async ({ clock }) => {
      const wire = duplexPair();
      let request = '';
      wire.server.on('data', (chunk: Buffer) => (request += chunk.toString()));
      let failure: ConnectError | undefined;
      const attempt = connect('ws://localhost/', { socket: wire.client, clock, connectTimeoutMs: LIMIT_MS });
      const settled = attempt.then(
        (connection) => connection.terminate(),
        (error: ConnectError) => {
          failure = error;
        },
      );
      await eventLoopTurns(3);
      return {
        isOver: () => failure !== undefined,
        answer: async () => {
          wire.server.write(accepting(request));
          await settled;
        },
        check: () => assert.equal(failure, undefined),
        leave: () => void wire.server.destroy(),
      };
    },
  },
];
/** What the hook in the row `upgradeTimeoutMs` waits for. */
let waiting: Promise<undefined>;

for (const { limit, options, begin } of ROWS) {
  for (const stallMs of [1_500, 5_000, 3_600_000]) {
    for (const beforeMs of [0, 600, 2_400]) {
      const title = `after ${beforeMs} of ${LIMIT_MS} ms the process stalls for ${stallMs} ms`;
      const leftMs = LIMIT_MS - beforeMs;

      test(`HB-06 TO-01: ${limit}: ${title}: a peer that answers within the remaining time is served`, async (t) => {
        const fixture = live(t, options);
        const { isOver, answer, check, leave } = await begin(fixture);
        if (beforeMs > 0) await fixture.pass(beforeMs);
        fixture.clock.stall(stallMs);
        await fixture.pass(leftMs - 100);
        assert.equal(isOver(), false);
        await answer();
        await eventLoopTurns(6);
        check();
        leave?.();
      });

      test(`HB-06 TO-01: ${limit}: ${title}: a peer that does not answer gets the remaining time, and no more`, async (t) => {
        const fixture = live(t, options);
        const { isOver, leave } = await begin(fixture);
        if (beforeMs > 0) await fixture.pass(beforeMs);
        fixture.clock.stall(stallMs);
        await fixture.pass(leftMs - 100);
        assert.equal(isOver(), false);
        await fixture.pass(100 + SLACK_MS);
        assert.equal(isOver(), true);
        leave?.();
      });
    }
  }
}
