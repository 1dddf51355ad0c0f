import cluster from 'node:cluster';
import { once } from 'node:events';
import process from 'node:process';
import { WebSocketServer } from '../../src/index.ts';
import { RawClient, text } from '../../src/testing/index.ts';

// One worker listens, and its primary, which accepts for it, asks for an echo.
if (cluster.isPrimary) {
  const worker = cluster.fork();
  const [{ port, transport }] = (await once(worker, 'message')) as [{ port: number; transport: string }];
  const client = await RawClient.connect({ port });
  await client.upgrade();
  client.send(text('through the primary'));
  const { payload } = await client.nextFrame();
  client[Symbol.dispose]();
  worker.send('enough');
  const [code] = (await once(worker, 'exit')) as [number];
  process.stdout.write(`${transport}: ${payload.toString()}, exit ${code}`);
} else {
  const server = new WebSocketServer();
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  process.send!({ port, transport: server.stats().transport });
  await once(process, 'message');
  await server.shutdown();
  cluster.worker!.disconnect();
}
