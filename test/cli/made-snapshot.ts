import type { AdminConnection, AdminSnapshot } from '../../src/observe/index.ts';

/** The parts of a snapshot that a test chooses. */
export type SnapshotParts = { readonly [Name in keyof AdminSnapshot]?: Partial<AdminSnapshot[Name]> };

export const ID = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

export const madeConnection = (parts: Partial<AdminConnection> = {}): AdminConnection => ({
  id: ID,
  remoteAddress: '192.0.2.1',
  remotePort: 51_234,
  protocol: '',
  state: 'open',
  ageMs: 65_000,
  lastReceivedAgoMs: 10,
  messagesReceived: 10,
  messagesSent: 20,
  bytesReceived: 1_000,
  bytesSent: 2_000,
  receivedPerSecond: 1_234,
  sentPerSecond: 0.5,
  bufferedBytes: 2_097_152,
  rttMs: 12.34,
  topics: 2,
  droppedMessages: 7,
  ...parts,
});

const STATS: AdminSnapshot['stats'] = {
  uptimeMs: 11_520_000,
  transport: 'handle',
  connections: { now: 850, peak: 900, opened: 2_000, closed: 1_150, open: 849, closing: 1 },
  handshakes: { pending: 0, accepted: 2_000, refused: 30, refusedByCode: { ERR_ORIGIN: 28, ERR_PATH: 2 } },
  refusedAddresses: { now: 0, total: 0 },
  acceptFailures: 0,
  messages: { received: 10_000, sent: 20_000, dropped: 7 },
  bytes: { received: 1_000_000, sent: 2_000_000, buffered: 1_048_576 },
  closes: { byCode: { 1000: 1_150 }, byCause: { 'peer-close': 1_100, 'ping-timeout': 50 } },
  heartbeat: {
    pingsSent: 0,
    pingsReceived: 0,
    pongsReceived: 0,
    timeouts: 0,
    suspects: 0,
    rttSeconds: { buckets: [], sum: 0, count: 0 },
  },
  slowConnections: 1,
  broadcasts: { count: 0, recipients: 0 },
  topics: { count: 3, subscriptions: 700 },
  errorsByCode: {},
};

/** A snapshot of a server with much to show. */
export function madeSnapshot(parts: SnapshotParts = {}): AdminSnapshot {
  const whole: AdminSnapshot = {
    format: 1,
    takenAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    server: {
      name: 'chat-1',
      version: '1.2.3',
      nodeVersion: 'v20.20.2',
      host: 'vm7',
      pid: 4_711,
      actions: true,
      highWaterMarkBytes: 65_536,
      maxBufferedBytes: 16_777_216,
    },
    readiness: { ready: true, reasons: [] },
    stats: STATS,
    gauges: {
      connections: { now: 850, limit: 1_000 },
      bufferedBytes: { now: 1_048_576, limit: 268_435_456 },
      heapBytes: { now: 50_000_000, limit: 2_000_000_000 },
      rssBytes: { now: 990_000_000, limit: 1_000_000_000 },
      loopUtilization: 0.31,
      loopDelayMs: { mean: 1, p99: 3.2, max: 9 },
    },
    latency: { overMs: 10_000, handler: { count: 100, p50Ms: 0.05, p99Ms: 1 }, rtt: null },
    lastMinute: { closesByCause: { 'ping-timeout': 3 }, refusedByCode: { ERR_ORIGIN: 2 } },
    cluster: { nodeId: 'n1', state: 'alone', nodes: [], totals: null },
    connections: {
      view: { sort: 'buffered', limit: 50, filter: '' },
      matching: 850,
      rows: [
        madeConnection(),
        madeConnection({ id: '0b0b0b0b', remoteAddress: '2001:db8::1', bufferedBytes: 10, rttMs: null }),
      ],
    },
    topics: [
      { name: 'lobby', subscribers: 400 },
      { name: 'room:7', subscribers: 300 },
    ],
    events: [
      {
        number: 1,
        atMs: Date.UTC(2026, 0, 2, 3, 4, 1),
        kind: 'refused',
        severity: 'warn',
        text: 'ERR_ORIGIN (403) · /',
        connectionId: null,
        remoteAddress: '192.0.2.9',
      },
    ],
  };
  const merged = Object.entries<unknown>(parts).map(([name, part]) => [
    name,
    typeof part === 'object' && !Array.isArray(part)
      ? Object.assign({}, whole[name as keyof AdminSnapshot], part)
      : part,
  ]);
  return Object.assign({}, whole, Object.fromEntries(merged)) as AdminSnapshot;
}
