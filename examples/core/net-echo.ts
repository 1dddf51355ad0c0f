// An echo server made of node:net and hawser/protocol alone: no WebSocketServer, no timers, no limits on time.
import { createServer } from 'node:net';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_LIMITS,
  FACT,
  HandshakeError,
  type HandshakeErrorCode,
  RequestReader,
  ProtocolConnection,
  ProtocolMemory,
  readUpgradeRequest,
  renderRefusal,
  renderUpgrade,
} from 'hawser/protocol';

const memory = new ProtocolMemory();

/** Serves one client: the opening handshake, then every message comes back. */
export function serve(socket: Duplex, limits = DEFAULT_LIMITS): void {
  const parser = new RequestReader({ maxHeadBytes: 16_384, maxHeaderFields: 100 });
  const wire = {
    get blocked() {
      return socket.writableNeedDrain;
    },
    get bufferedBytes() {
      return socket.writableLength;
    },
    // A stream may send a chunk after the application has changed it, so payloads are copied first.
    needsCopies: true,
  };
  let core: ProtocolConnection | undefined;
  const flush = (): void => {
    for (let chunks = core!.take(); chunks.length > 0; chunks = core!.take())
      for (const chunk of chunks) socket.write(chunk);
    if (core!.phase === 'failed' || core!.phase === 'closed-both') socket.end();
  };
  const receive = (chunk: Buffer): void => {
    core!.receive(chunk);
    for (let fact = core!.next(); fact !== FACT.NONE; fact = core!.next()) {
      if (fact !== FACT.MESSAGE) continue;
      const message = core!.isText ? core!.takeText() : core!.takeBytes();
      if (typeof message === 'string') core!.text(message);
      else if (message !== undefined) core!.binary(message);
    }
    flush();
  };
  socket.on('data', (chunk: Buffer) => {
    if (core !== undefined) {
      receive(chunk);
      return;
    }
    try {
      const head = parser.receive(chunk);
      if (head === undefined) return;
      const { key } = readUpgradeRequest(head, false);
      socket.write(renderUpgrade({ key, protocol: '', extensions: '' }), 'latin1');
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      socket.end(renderRefusal(error.code as HandshakeErrorCode), 'latin1');
      return;
    }
    core = new ProtocolConnection('server', { limits, memory, wire });
    receive(parser.takeRest());
  });
  socket.on('drain', () => core !== undefined && flush());
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => core?.transportEnded());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => serve(socket));
  server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') console.log(`ws://127.0.0.1:${address.port}`);
  });
}
