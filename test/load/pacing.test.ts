import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { EchoDriver } from '../../src/load/echo-driver.ts';
import { FanOutDriver } from '../../src/load/fan-out-driver.ts';
import type { LoadDriver, Sender } from '../../src/load/load-connection.ts';
import { Pacer } from '../../src/load/pacer.ts';
import { Tally } from '../../src/load/tally.ts';
import { TrafficDriver } from '../../src/load/traffic-driver.ts';
import { eventLoopTurns, VirtualClock } from '../../src/testing/index.ts';

test('CM-08: a pacer tells the number of due messages, from its start', () => {
  const pacer = new Pacer(100, 1_000);
  assert.equal(pacer.due(999), 0);
  assert.equal(pacer.due(1_000), 1);
  assert.equal(pacer.due(1_009), 1);
  assert.equal(pacer.due(1_010), 2);
  pacer.sent = 2;
  assert.equal(pacer.due(1_010), 0);
  assert.equal(pacer.nextMs(), 1_020);
  assert.equal(pacer.due(2_000), 99);
});

/** A connection without a network: records the messages sent. The test plays the server. */
class Line implements Sender {
  unanswered = 0;
  readonly sentMs: number[] = [];
  /** Number of messages in each write. */
  readonly writes: number[] = [];
  gaveUp: string | undefined;

  send(count: number, dueMs: number): void {
    this.unanswered += count;
    this.writes.push(count);
    for (let i = 0; i < count; i++) this.sentMs.push(dueMs);
  }
  takeSentMs(): number {
    this.unanswered--;
    return this.sentMs.shift() ?? assert.fail('no message is unanswered');
  }
  giveUp(why: string): void {
    this.gaveUp = why;
  }
}

interface Stage {
  readonly clock: VirtualClock;
  readonly tally: Tally;
  readonly lines: Line[];
  /** Lets time pass in steps of a quarter of a millisecond. */
  readonly pass: (ms: number, step?: () => void) => Promise<void>;
}

function stage(t: TestContext, lines: number): Stage {
  const clock = new VirtualClock();
  const tally = new Tally();
  tally.begin();
  t.after(() => assert.equal(clock.pendingTimers, 0));
  return {
    clock,
    tally,
    lines: Array.from({ length: lines }, () => new Line()),
    pass: async (ms, step = () => undefined) => {
      for (let i = 0; i < 4 * ms; i++) {
        clock.advance(0.25);
        await eventLoopTurns(2);
        step();
      }
    },
  };
}

/** Answers all messages at once. */
const answerAll = (driver: LoadDriver, lines: readonly Line[]): void => {
  for (const line of lines) if (line.unanswered > 0) driver.replied(line, line.unanswered);
};

test('CM-08: without a rate each answer triggers the next message; several leave in one write', (t) => {
  const { clock, tally, lines } = stage(t, 2);
  const driver = new EchoDriver(lines, 4, undefined, clock, tally);
  driver.start();
  const [line] = lines as [Line, Line];
  assert.deepEqual(line.writes, [4]);
  clock.advance(10);
  driver.replied(line, 3);
  assert.deepEqual([line.writes, line.unanswered, tally.messages], [[4, 3], 4, 3]);
  assert.equal(tally.latency.maxMs, 10);
  driver.stop();
  driver.replied(line, 4);
  assert.equal(line.unanswered, 0);
  assert.ok(driver.waiting(), 'the other line is unanswered');
});

test('CM-08: with a rate messages are sent on schedule, round robin', async (t) => {
  const { clock, tally, lines, pass } = stage(t, 4);
  const driver = new EchoDriver(lines, 1, 1_000, clock, tally);
  driver.start();
  await pass(100, () => answerAll(driver, lines));
  driver.stop();
  assert.ok(Math.abs(tally.messages - 100) <= 2, String(tally.messages));
  for (const { writes } of lines) assert.ok(Math.abs(writes.length - 25) <= 1);
  assert.ok(tally.latency.maxMs <= 0.5, 'sent in time, answered at once');
});

test('CM-08: with a rate a stall of the server shows: latency counts from the scheduled time', async (t) => {
  const { clock, tally, lines, pass } = stage(t, 2);
  const driver = new EchoDriver(lines, 1, 100, clock, tally);
  driver.start();
  await pass(100, () => answerAll(driver, lines));
  await pass(1_000);
  await pass(900, () => answerAll(driver, lines));
  driver.stop();
  // 100 of the 200 messages were scheduled in the second of silence and waited 0 to 1,000 ms, 500 ms on average.
  assert.ok(Math.abs(tally.messages - 200) <= 3, String(tally.messages));
  assert.ok(Math.abs(tally.latency.meanMs - 250) < 15, String(tally.latency.meanMs));
  assert.ok(tally.latency.quantileMs(0.99) > 950);
  // The generator was not late.
  assert.ok(tally.lateness.maxMs < 2, String(tally.lateness.maxMs));
});

test('CM-08: without a rate the same stall delays only the messages in flight', async (t) => {
  const { clock, tally, lines, pass } = stage(t, 2);
  const driver = new EchoDriver(lines, 1, undefined, clock, tally);
  driver.start();
  await pass(100, () => answerAll(driver, lines));
  await pass(1_000);
  await pass(100, () => answerAll(driver, lines));
  driver.stop();
  assert.ok(tally.latency.quantileMs(0.99) < 2);
});

test('CM-08: more answers than messages fail the connection', (t) => {
  const { clock, tally, lines } = stage(t, 1);
  const driver = new EchoDriver(lines, 2, undefined, clock, tally);
  driver.start();
  driver.replied(lines[0]!, 3);
  assert.equal(lines[0]!.gaveUp, 'the server sent more messages than it received');
  assert.equal(tally.messages, 0);
});

test('CM-08: a turn of a fan-out ends with its last delivery, and the next turn begins', (t) => {
  const { clock, tally, lines } = stage(t, 4);
  const [sender, a, b, c] = lines as [Line, Line, Line, Line];
  const driver = new FanOutDriver(sender, [a, b, c], 2, undefined, clock, tally);
  driver.start();
  assert.deepEqual([sender.writes, a.unanswered], [[2], 2]);
  clock.advance(1);
  driver.replied(a, 2);
  driver.replied(b, 1);
  driver.replied(sender, 2);
  clock.advance(2);
  driver.replied(b, 1);
  assert.deepEqual(sender.writes, [2]);
  driver.lost(c);
  assert.deepEqual(sender.writes, [2, 2], 'a lost recipient is not awaited');
  assert.deepEqual([tally.messages, tally.lastRecipient.count, tally.lastRecipient.maxMs], [4, 1, 3]);
  driver.stop();
});

test('CM-08: with a rate a late turn delays the next ones, and the delay counts as latency', async (t) => {
  const { clock, tally, lines, pass } = stage(t, 2);
  const [sender, recipient] = lines as [Line, Line];
  const driver = new FanOutDriver(sender, [recipient], 1, 100, clock, tally);
  driver.start();
  await pass(100);
  await pass(20, () => answerAll(driver, [recipient]));
  driver.stop();
  assert.ok(tally.messages >= 10, String(tally.messages));
  assert.ok(tally.lastRecipient.quantileMs(0.5) > 40, String(tally.lastRecipient.quantileMs(0.5)));
});

test('CM-08: fan-out: extra messages fail the connection; a recipient lost after its delivery is not missing; stop ends it', (t) => {
  const { clock, tally, lines } = stage(t, 3);
  const [sender, a, b] = lines as [Line, Line, Line];
  const driver = new FanOutDriver(sender, [a, b], 1, undefined, clock, tally);
  driver.start();
  driver.replied(a, 2);
  assert.equal(a.gaveUp, 'more messages arrived than were sent');
  driver.replied(a, 1);
  driver.lost(a);
  assert.ok(driver.waiting());
  driver.stop();
  driver.replied(b, 1);
  assert.deepEqual([sender.writes, driver.waiting()], [[1], false]);
});

test('CM-08: idle traffic: each connection exchanges its messages one at a time; extra messages fail it', (t) => {
  const { clock, tally, lines } = stage(t, 3);
  const [a, b, other] = lines as [Line, Line, Line];
  let done = 0;
  const driver = new TrafficDriver(new Set<Sender>([a, b]), 2, clock, tally, () => void done++);
  driver.start();
  driver.replied(a, 1);
  driver.replied(a, 1);
  driver.replied(b, 2);
  assert.equal(b.gaveUp, 'the server sent more messages than it received');
  driver.replied(other, 1);
  assert.equal(other.gaveUp, 'the server sent more messages than it received');
  assert.deepEqual([a.writes, b.writes, driver.waiting(), done], [[1, 1], [1], true, 0]);
  driver.lost(b);
  assert.deepEqual([driver.waiting(), done], [false, 1]);
});
