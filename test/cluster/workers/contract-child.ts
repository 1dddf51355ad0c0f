import cluster from 'node:cluster';
import { parentPort } from 'node:worker_threads';
import { workerEngine } from '../../../src/cluster/index.ts';
import { engineContract } from '../../../src/testing/index.ts';

// Runs the case whose number the test sends.
const cases = engineContract((prefix) => workerEngine({ prefix }), {
  disconnect: (engine) => engine.reconnect(new Error('the case says so')),
});
const answer = (message: object): void => {
  if (parentPort === null) cluster.worker!.send(message);
  else parentPort.postMessage(message, []);
};
const asked = (message: { readonly run?: number }): void => {
  if (message.run === undefined) return;
  const { run, title } = cases[message.run]!;
  run().then(
    () => answer({ title, error: null }),
    (error: Error) => answer({ title, error: error.stack }),
  );
};
if (parentPort === null) cluster.worker!.on('message', asked);
else parentPort.on('message', asked);
answer({ title: 'listens' });
