// A server on all cores: one process each, one port for all of them.
import { workersAdmin } from 'hawser';
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
const admin = await workersAdmin(workers, { port: Number(process.env['ADMIN_PORT'] ?? 0) });
console.log(`The admin page is on http://127.0.0.1:${admin.address.port}/`);
