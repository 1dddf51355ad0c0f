import { type LoadMode, type PayloadShape, size, whole } from '../src/load/index.ts';

/** What a server does with a message. Each endpoint has its own port. */
export type Endpoint = 'echo' | 'relay' | 'tls' | 'deflateEcho' | 'deflateRelay';

/** Which sides a cell is measured on. */
export type Contest =
  /** Hawser against `ws`. */
  | 'rivals'
  /** The same, plus the bare `net` echo, which is the limit of Node's sockets. */
  | 'rivals and limits'
  /** `hawser/ws` against `ws`, with the same handler. */
  | 'hawser/ws'
  /** Hawser with everything switched on against Hawser with defaults. */
  | 'with everything on';

/** One measurement. */
export interface Cell {
  readonly name: string;
  readonly group: string;
  /** Identifier of the requirement that the cell tests. */
  readonly requirement: string;
  readonly contest: Contest;
  readonly endpoint: Endpoint;
  readonly mode: Exclude<LoadMode, 'idle'>;
  readonly payload: PayloadShape;
  readonly compress: boolean;
  /** Connections that get messages. For handshakes: how many open at the same time. */
  readonly connections: number;
  /** Messages in flight on each connection. */
  readonly pipeline: number;
  /** Messages published in one turn. */
  readonly publishes: number;
  /** Whether `--quick` measures the cell. */
  readonly quick: boolean;
}

const KIB = 1_024;
const MIB = 1_024 * KIB;
const BINARY = { binary: true, multibyte: false };
const ASCII = { binary: false, multibyte: false };
const RECORDS = { ...ASCII, records: true };
const MULTIBYTE = { binary: false, multibyte: true };

type EchoSettings = Pick<Cell, 'connections' | 'pipeline'> & {
  readonly bytes: number;
  readonly kind?: Omit<PayloadShape, 'bytes'>;
} & Partial<Cell>;

function echo({ bytes, kind = BINARY, connections, pipeline, ...rest }: EchoSettings): Cell {
  return {
    name: `${size(bytes)}, ${whole(connections)} conn., pipeline ${pipeline}`,
    group: 'Echo',
    requirement: 'PF-08',
    contest: 'rivals',
    endpoint: 'echo',
    mode: 'echo',
    payload: { bytes, ...kind },
    compress: false,
    connections,
    pipeline,
    publishes: 1,
    quick: false,
    ...rest,
  };
}

function echoes(): Cell[] {
  const cells: Cell[] = [];
  for (const bytes of [16, 128, KIB, 16 * KIB, 64 * KIB, MIB]) {
    for (const connections of bytes === MIB ? [1, 100] : [1, 100, 1_000]) {
      for (const pipeline of bytes === MIB ? [1] : [1, 16]) {
        const contest = connections === 100 ? 'rivals and limits' : 'rivals';
        const quick = connections === 100 || (pipeline === 1 && bytes === 128);
        cells.push(echo({ bytes, connections, pipeline, contest, quick }));
      }
    }
  }
  return cells;
}

function texts(): Cell[] {
  const cells: Cell[] = [];
  for (const [kind, word] of [
    [ASCII, 'ASCII'],
    [MULTIBYTE, 'multi-byte'],
  ] as const) {
    for (const bytes of [KIB, 16 * KIB]) {
      for (const pipeline of [1, 16]) {
        const cell = echo({ bytes, kind, connections: 100, pipeline, group: 'Echo of text' });
        const quick = pipeline === 16 && bytes === KIB;
        cells.push({ ...cell, name: `${word}, ${cell.name}`, quick });
      }
    }
  }
  return cells;
}

function overTls(): Cell[] {
  return [128, 16 * KIB].flatMap((bytes) =>
    [1, 16].map((pipeline) =>
      echo({
        bytes,
        connections: 100,
        pipeline,
        group: 'Echo over TLS',
        endpoint: 'tls',
        quick: pipeline === 16,
      }),
    ),
  );
}

function fanOuts(): Cell[] {
  const cells: Cell[] = [];
  for (const connections of [10, 100, 1_000, 5_000, 10_000]) {
    for (const bytes of [64, KIB, 16 * KIB]) {
      for (const publishes of [1, 8]) {
        // One turn of 640 MB takes longer than the window, and so does one of 80,000 messages.
        if (publishes === 8 && (connections === 10_000 || (connections === 5_000 && bytes === 16 * KIB)))
          continue;
        cells.push({
          ...echo({ bytes, connections, pipeline: 1 }),
          name: `${size(bytes)} to ${whole(connections)}, ${publishes} at a time`,
          group: 'Fan-out',
          requirement: 'PF-09',
          endpoint: 'relay',
          mode: 'fan-out',
          publishes,
          quick:
            connections === 1_000
              ? bytes !== 16 * KIB
              : connections === 5_000 && bytes === 64 && publishes === 1,
        });
      }
    }
  }
  return cells;
}

function compressedOnes(): Cell[] {
  const cells: Cell[] = [];
  for (const bytes of [KIB, 16 * KIB]) {
    for (const connections of [100, 1_000, 5_000]) {
      cells.push({
        ...echo({ bytes, kind: RECORDS, connections, pipeline: 1 }),
        name: `${size(bytes)} of JSON to ${whole(connections)}`,
        group: 'Compressed fan-out',
        requirement: 'PF-10',
        endpoint: 'deflateRelay',
        mode: 'fan-out',
        compress: true,
        quick: connections === 1_000 && bytes === KIB,
      });
    }
  }
  for (const bytes of [KIB, 16 * KIB]) {
    const cell = echo({ bytes, kind: RECORDS, connections: 100, pipeline: 1, group: 'Compressed echo' });
    cells.push({ ...cell, name: `JSON, ${cell.name}`, endpoint: 'deflateEcho', compress: true });
  }
  return cells;
}

function handshakes(): Cell[] {
  return (['echo', 'tls'] as const).map((endpoint) => ({
    ...echo({ bytes: 16, connections: 32, pipeline: 1 }),
    name: endpoint === 'tls' ? 'handshakes over TLS' : 'handshakes',
    group: 'Handshakes',
    requirement: 'PF-11',
    contest: endpoint === 'tls' ? 'rivals' : 'rivals and limits',
    endpoint,
    mode: 'handshake',
    quick: true,
  }));
}

/** What `hawser/ws` has to reach in each of its groups: its rate and CPU time, as a multiple of those of `ws`. */
export const WS_DEMANDS: Readonly<Record<string, number>> = Object.freeze({
  'hawser/ws, echo': 1,
  'hawser/ws, echo of multi-byte text': 1.2,
  'hawser/ws, loop of send': 1,
  'hawser/ws, eight loops a turn': 4,
});

function throughWs(): Cell[] {
  const settings = { contest: 'hawser/ws', requirement: 'PF-16' } as const;
  const cells: Cell[] = [];
  for (const [bytes, kind, group] of [
    [128, ASCII, 'hawser/ws, echo'],
    [KIB, ASCII, 'hawser/ws, echo'],
    [16 * KIB, MULTIBYTE, 'hawser/ws, echo of multi-byte text'],
  ] as const) {
    for (const pipeline of [1, 16]) {
      const quick = pipeline === 16 && bytes !== KIB;
      cells.push(echo({ ...settings, bytes, kind, connections: 100, pipeline, group, quick }));
    }
  }
  for (const [publishes, group] of [
    [1, 'hawser/ws, loop of send'],
    [8, 'hawser/ws, eight loops a turn'],
  ] as const) {
    for (const bytes of [128, KIB]) {
      cells.push({
        ...echo({ ...settings, bytes, kind: ASCII, connections: 1_000, pipeline: 1, group }),
        name: `${size(bytes)} to 1,000, ${publishes} at a time`,
        endpoint: 'relay',
        mode: 'fan-out',
        publishes,
        quick: bytes === KIB,
      });
    }
  }
  return cells;
}

function everythingOn(): Cell[] {
  return [128, 16 * KIB].flatMap((bytes) =>
    [1, 16].map((pipeline) =>
      echo({
        bytes,
        connections: 100,
        pipeline,
        group: 'Everything switched on',
        requirement: 'PF-14',
        contest: 'with everything on',
        quick: bytes === 128 && pipeline === 16,
      }),
    ),
  );
}

/** Every cell with a rate, in the order of the report. */
export const CELLS: readonly Cell[] = [
  ...echoes(),
  ...texts(),
  ...overTls(),
  ...fanOuts(),
  ...compressedOnes(),
  ...handshakes(),
  ...throughWs(),
  ...everythingOn(),
];

/** Group and name, which together are unique. */
export const cellId = ({ group, name }: Pick<Cell, 'group' | 'name'>): string => `${group}: ${name}`;

/** The plan of the memory measurement. */
export const MEMORY = Object.freeze({ connections: 10_000, traffic: 5, payloadBytes: KIB });
