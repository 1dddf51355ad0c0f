import process from 'node:process';
import { type Connection, MemoryBudget, WebSocketServer } from '../../src/index.ts';

/** What the server reports over the channel between the processes. */
export interface HostileReport {
  readonly port?: number;
  readonly stats?: ReturnType<WebSocketServer['stats']>;
  readonly usedBytes?: number;
  readonly peakUsedBytes?: number;
  readonly errors?: number;
}

/** Memory budget of all connections together. */
export const BUDGET_BYTES = 33_554_432;

/** A server in its own process: echoes, and floods clients that ask for it. `report` makes it report; `stop` ends it. */
if (process.send !== undefined) {
  const memoryBudget = new MemoryBudget({ maxBytes: BUDGET_BYTES });
  const server = new WebSocketServer({
    memoryBudget,
    handshakeTimeoutMs: 5_000,
    messageTimeoutMs: 3_000,
    writeTimeoutMs: 3_000,
    closeTimeoutMs: 1_000,
    pingIntervalMs: 6_000,
    pongTimeoutMs: 5_000,
    idleTimeoutMs: false,
    maxMessageBytes: 65_536,
    rateLimit: { messagesPerSecond: 1_000, burstMessages: 2_000 },
  });
  let peakUsedBytes = 0;
  let errors = 0;
  let floods = 0;
  /** More than the kernel buffers hold; few connections ask for it, so the kernel has room. */
  const flood = (connection: Connection): void => {
    const more = (): void => {
      while (connection.send(Buffer.alloc(16_384)));
      connection.drained().then(more, () => undefined);
    };
    if (floods++ < 20) more();
  };
  server.on('error', () => void errors++);
  server.on('connection', (connection) => void connection.subscribe('all'));
  server.on('message', (connection, message) => {
    if (message === 'flood') flood(connection);
    else connection.send(message);
    peakUsedBytes = Math.max(peakUsedBytes, memoryBudget.usedBytes);
  });
  const tell = (report: HostileReport): void => void process.send!(report);
  const { port } = await server.listen({ port: 0, host: '127.0.0.1', backlog: 2_048 });
  tell({ port });
  process.on('message', (message) => {
    const { usedBytes } = memoryBudget;
    if (message === 'report') tell({ stats: server.stats(), usedBytes, peakUsedBytes, errors });
    if (message === 'stop') void server.shutdown({ timeoutMs: 1_000 }).then(() => process.disconnect());
  });
}
