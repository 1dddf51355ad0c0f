// A process that takes a core until it is killed, or for an hour at most.
const MOST_MS = 3_600_000;

while (performance.now() < MOST_MS);
