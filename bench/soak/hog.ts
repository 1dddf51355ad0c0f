// A process that takes a core until it is killed, or until the process that started it, whose id is its argument, has ended.
import process from 'node:process';

/** Time between two looks, in ms. */
const LOOK_MS = 20;

const parent = Number(process.argv[2]);
while (process.ppid === parent) {
  const endMs = performance.now() + LOOK_MS;
  while (performance.now() < endMs);
}
