// Two sides of a WebSocket connection that talk over a MessagePort, driven by hawser/protocol alone.
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { FACT, ProtocolConnection } from 'hawser/protocol';

/**
 * Connects `core` to `port`.
 * @returns A function that sends pending output. Call it after commands of `core`.
 */
export function attach(
  port: MessagePort,
  core: ProtocolConnection,
  received: (message: string | Buffer) => void,
): () => void {
  const flush = (): void => {
    for (let chunks = core.take(); chunks.length > 0; chunks = core.take()) {
      for (const chunk of chunks) {
        const copy = new Uint8Array(chunk);
        port.postMessage(copy, [copy.buffer]);
      }
    }
    if (core.phase === 'failed' || core.phase === 'closed-both') port.close();
  };
  port.on('message', (chunk: Uint8Array) => {
    core.receive(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
      if (fact !== FACT.MESSAGE) continue;
      const message = core.isText ? core.takeText() : core.takeBytes();
      if (message !== undefined) received(message);
    }
    flush();
  });
  port.on('close', () => core.transportEnded());
  return flush;
}

/** Connects `core` to `port` and echoes every message. */
export function echo(port: MessagePort, core: ProtocolConnection): void {
  attach(port, core, (message) => {
    if (typeof message === 'string') core.text(message);
    else core.binary(message);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port1, port2 } = new MessageChannel();
  echo(port2, new ProtocolConnection('server'));
  const client = new ProtocolConnection('client', { nextKey: () => randomInt(2 ** 32) | 0 });
  const flush = attach(port1, client, (message) => {
    console.log(`echo: ${String(message)}`);
    client.close(1000, 'done');
  });
  client.text('Hello');
  flush();
}
