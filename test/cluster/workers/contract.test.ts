import assert from 'node:assert/strict';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Worker as ThreadWorker } from 'node:worker_threads';
import { joinWorkers } from '../../../src/cluster/index.ts';
import { engineContract, VirtualClock } from '../../../src/testing/index.ts';
import { MemoryMachine } from './memory.ts';

const CHILD = join(import.meta.dirname, 'contract-child.js');

for (const isAdvanced of [true, false]) {
  const clock = new VirtualClock();
  const machine = new MemoryMachine({}, clock);
  const cases = engineContract((prefix) => machine.worker(isAdvanced).engine(prefix), {
    clock,
    disconnect: (engine) => engine.reconnect(new Error('the case says so')),
  });
  describe(`contract of workers in memory, ${isAdvanced ? 'bytes' : 'base64'}`, { concurrency: 1 }, () => {
    for (const { title, run } of cases) test(`SC-02 SC-11 ${title}`, run);
  });
}

/** Runs each case in one worker. */
function contractOf(
  kind: string,
  start: () => { send(message: object): void; next(): Promise<unknown>; end(): Promise<unknown> },
): void {
  describe(`contract of workers, ${kind}`, { concurrency: 1 }, () => {
    let worker: ReturnType<typeof start>;
    before(async () => {
      worker = start();
      assert.deepEqual(await worker.next(), { title: 'listens' });
    });
    after(() => worker.end());
    const titles = engineContract(() => new MemoryMachine().worker().engine(), {
      disconnect: () => undefined,
    });
    for (const [number, { title }] of titles.entries())
      test(`SC-02 SC-11 ${kind}: ${title}`, async () => {
        worker.send({ run: number });
        assert.deepEqual(await worker.next(), { title, error: null });
      });
  });
}

interface Answer {
  readonly title?: string;
}
const isAnswer = (message: Answer): boolean => message.title !== undefined;

contractOf('processes', () => {
  cluster.setupPrimary({ exec: CHILD, serialization: 'advanced', execArgv: [] });
  const worker = cluster.fork();
  joinWorkers(worker);
  const answers: unknown[] = [];
  worker.on('message', (message: Answer) => {
    if (isAnswer(message)) answers.push(message);
  });
  return {
    send: (message) => void worker.send(message),
    next: async () => {
      while (answers.length === 0) await once(worker, 'message');
      return answers.shift();
    },
    end: () => {
      const exit = once(worker, 'exit');
      worker.process.kill('SIGKILL');
      return exit;
    },
  };
});

contractOf('threads', () => {
  const worker = new ThreadWorker(CHILD);
  joinWorkers(worker);
  const answers: unknown[] = [];
  worker.on('message', (message: Answer) => {
    if (isAnswer(message)) answers.push(message);
  });
  return {
    send: (message) => worker.postMessage(message, []),
    next: async () => {
      while (answers.length === 0) await once(worker, 'message');
      return answers.shift();
    },
    end: () => worker.terminate(),
  };
});
