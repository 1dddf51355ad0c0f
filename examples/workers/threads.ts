// The same server in threads of one process. Each thread has a port of its own; put a balancer in front of them.
import process from 'node:process';
import { startWorkers } from 'hawser/cluster';

const workers = startWorkers({
  script: new URL('./server.js', import.meta.url),
  kind: 'thread',
  count: Number(process.env['WORKERS'] ?? 2),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    void workers.stop().then(() => process.exit(0));
  });
