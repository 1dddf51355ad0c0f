import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Supervisor, type WorkerExit } from '../../../src/cluster/engines/workers/supervisor.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

const CRASH: WorkerExit = { code: 1, signal: null };

/** A supervisor of workers that the test ends. */
class Stage {
  readonly clock = new VirtualClock();
  readonly events: string[] = [];
  readonly delays: number[] = [];
  readonly exits = new Map<number, (exit: WorkerExit) => void>();
  readonly supervisor: Supervisor;
  launches = 0;
  fraction = 1;
  /** Called with the name of each event, as a listener is. */
  heard: (name: string) => void = () => undefined;

  constructor(count: number, onStop: (number: number, stage: Stage) => void = () => undefined) {
    this.supervisor = new Supervisor({
      count,
      clock: this.clock,
      random: { fraction: () => this.fraction, bytes: () => assert.fail(), uuid: () => assert.fail() },
      restart: { minMs: 250, maxMs: 30_000, stableMs: 10_000 },
      launch: (number, up, exited) => {
        this.exits.set(number, exited);
        up();
        return {
          id: ++this.launches,
          stop: () => onStop(number, this),
          kill: () => {
            this.events.push(`kill ${number}`);
            exited({ code: null, signal: 'SIGKILL' });
          },
        };
      },
      owner: {
        up: ({ number }) => this.#happened(`up ${number}`),
        exit: ({ number }) => this.#happened(`exit ${number}`),
        restart: (_, { delayMs }) => {
          this.delays.push(delayMs);
          this.heard('restart');
        },
        failing: ({ number }, _, exits) => this.#happened(`failing ${number} ${exits}`),
      },
    });
    this.supervisor.start();
  }

  crash(number = 1): void {
    this.exits.get(number)!(CRASH);
  }

  #happened(event: string): void {
    this.events.push(event);
    this.heard(event.split(' ')[0]!);
  }
}

test('SC-02 the longest delay before a restart doubles from 250 ms to 30 s', () => {
  const stage = new Stage(1);
  for (let i = 0; i < 10; i++) {
    stage.crash();
    stage.clock.advance(stage.delays.at(-1)!);
  }
  assert.deepEqual(stage.delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(stage.launches, 11);
  assert.equal(stage.supervisor.workers[0]!.restarts, 10);
});

test('SC-02 the delay has full jitter, from 0 up', () => {
  const stage = new Stage(1);
  stage.fraction = 0;
  stage.crash();
  assert.deepEqual(stage.delays, [0]);
  stage.clock.advance(1);
  stage.fraction = 0.5;
  stage.crash();
  assert.deepEqual(stage.delays, [0, 250]);
});

test('SC-02 a worker that ran for stableMs begins anew, and a shorter run does not', () => {
  const stage = new Stage(1);
  for (const ranMs of [0, 0, 9_999, 10_000, 0]) {
    stage.clock.advance(ranMs);
    stage.crash();
    stage.clock.advance(stage.delays.at(-1)!);
  }
  assert.deepEqual(stage.delays, [250, 500, 1_000, 250, 500]);
});

test('SC-02 a worker that fails in a loop is reported once, and again after it was stable', () => {
  const stage = new Stage(2);
  const fail = (): void => {
    for (let i = 0; i < 6; i++) {
      stage.crash(2);
      stage.clock.advance(30_000 - 20_001 + 20_000);
    }
  };
  for (let i = 0; i < 6; i++) {
    stage.crash(2);
    stage.clock.advance(stage.delays.at(-1)!);
  }
  assert.deepEqual(
    stage.events.filter((event) => event.startsWith('failing')),
    ['failing 2 4'],
  );
  fail();
  for (let i = 0; i < 6; i++) {
    stage.crash(2);
    stage.clock.advance(stage.delays.at(-1)!);
  }
  assert.equal(stage.events.filter((event) => event.startsWith('failing')).length, 2);
  assert.deepEqual(
    stage.supervisor.workers.map(({ number, state }) => [number, state]),
    [
      [1, 'up'],
      [2, 'up'],
    ],
  );
});

test('SC-02 stop ends every worker, restarts none, and kills those that are left at the deadline', async () => {
  const stage = new Stage(3, (number, { exits }) => {
    if (number === 1) exits.get(1)!({ code: 0, signal: null });
  });
  stage.crash(3);
  let isOver = false;
  const stopped = stage.supervisor.stop(5_000).then(() => {
    isOver = true;
  });
  stage.clock.advance(4_999);
  await Promise.resolve();
  assert.equal(isOver, false);
  stage.clock.advance(1);
  await stopped;
  assert.deepEqual(stage.events.slice(3), ['exit 3', 'exit 1', 'kill 2', 'exit 2']);
  assert.ok(stage.supervisor.workers.every(({ state, id }) => state === 'ended' && id === undefined));
  stage.clock.advance(60_000);
  assert.equal(stage.launches, 3);
  assert.equal(stage.clock.pendingTimers, 0);
});

for (const event of ['exit', 'failing', 'restart'])
  test(`SC-02 a listener of '${event}' that calls stop ends the worker for good`, async () => {
    const stage = new Stage(1);
    const stops: Promise<void>[] = [];
    stage.heard = (name) => {
      if (name === event) stops.push(stage.supervisor.stop(5_000));
    };
    while (stops.length === 0) {
      stage.crash();
      stage.clock.advance(stops.length === 0 ? stage.delays.at(-1)! : 0);
    }
    await stops[0];
    const { launches } = stage;
    stage.clock.advance(60_000);
    assert.equal(stage.launches, launches);
    assert.equal(stage.supervisor.workers[0]!.state, 'ended');
    assert.equal(stage.clock.pendingTimers, 0);
  });
