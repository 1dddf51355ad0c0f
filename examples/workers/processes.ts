// A server on all cores: one process each, one port for all of them.
import process from 'node:process';
import { startWorkers } from 'hawser/cluster';

const workers = startWorkers({
  script: new URL('./server.js', import.meta.url),
  count: Number(process.env['WORKERS'] ?? 2),
});
workers.on('exit', ({ number, id }, { code, signal }) => {
  console.log(`worker ${number} (process ${id}) ended: ${signal ?? code}`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    void workers.stop().then(() => process.exit(0));
  });
