import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Shown, frame, report } from '../../src/cli/top/frame.ts';
import { Rates, resampled } from '../../src/cli/top/rates.ts';
import type { Paper } from '../../src/cli/top/row.ts';
import { age, compact, compactBytes, uptime } from '../../src/cli/top/words.ts';
import { columnsOf, cropped, fitted } from '../../src/cli/text-width.ts';
import { LOAD_SIGNALS } from '../../src/observe/load-control/signals.ts';
import type { LoadLevel, LoadSignals } from '../../src/index.ts';
import type { AdminNode, AdminSnapshot } from '../../src/observe/index.ts';
import { ID, madeConnection, madeSnapshot } from './made-snapshot.ts';

const PAPER: Paper = { columns: 80, rows: 24, colours: false, unicode: true };

function shown(snapshot: AdminSnapshot, chosen?: string): Shown {
  const rates = new Rates();
  for (let i = 0; i < 3; i++) {
    const { stats } = snapshot;
    const messages = { ...stats.messages, received: stats.messages.received + 600 * i * i };
    rates.add({ ...snapshot, stats: { ...stats, messages, uptimeMs: stats.uptimeMs + 1_000 * i } });
  }
  return { snapshot, rates, chosen, state: [' PAUSED ', 'warn'], footer: [['s sort', 'strong']] };
}

test('CM-11 LC-02: the first line says that the load is above normal', () => {
  const { stats } = madeSnapshot();
  const titleAt = (level: LoadLevel): string => {
    const signals = Object.fromEntries(LOAD_SIGNALS.map((name) => [name, 0])) as unknown as LoadSignals;
    const load = { level, levelForMs: 0, signals, pressure: {}, alerts: [], history: [] };
    return frame(shown(madeSnapshot({ stats: { ...stats, load } })), PAPER)[0]!;
  };
  assert.equal(titleAt('normal'), frame(shown(madeSnapshot()), PAPER)[0]);
  assert.match(titleAt('elevated'), / READY {2}LOAD ELEVATED {2}PAUSED /);
  assert.match(titleAt('critical'), / READY {2}LOAD CRITICAL {2}PAUSED /);
});

test('CM-11: at 80 × 24 without colours everything has its place', () => {
  assert.deepEqual(frame(shown(madeSnapshot(), ID), PAPER), [
    ' chat-1 on vm7, pid 4711  READY  PAUSED  up 3 h 12 min · Hawser 1.2.3 · Node v2…',
    'Connections ████████████▊·· 850 / 1,000  Loop busy   ██████▉··············· 31 %',
    'Buffered    ▏·········· 1 MiB / 256 MiB  Delay p99   ▋··················· 3.2 ms',
    'Heap        ▎······· 47.7 MiB / 1.9 GiB  Memory      █████ 944.1 MiB / 953.7 MiB',
    'Messages in               █      1.8k/s  Messages out              ▁         0/s',
    'Bytes in                  ▁       0 B/s  Bytes out                 ▁       0 B/s',
    'Accepted                  ▁         0/s  Refused                   ▁         0/s',
    'Handler     p50 50 µs  p99 1 ms          Ping        no sample  1 slow',
    ' ID       ADDRESS             AGE STATE    IN/S  OUT/S BUFFER▾    RTT  TOP  DROP',
    '>6f9619ff 192.0.2.1:51234    1min open     1.2k    0.5    2MiB 12.3ms    2     7',
    ' 0b0b0b0b [2001:db8::1]:51…  1min open     1.2k    0.5     10B      -    2     7',
    ...Array.from({ length: 5 }, () => ''),
    'Closes, last minute/all:  ping-timeout 3/50  peer-close 0/1,100',
    'Refusals, last minute/all:  ERR_ORIGIN 2/28  ERR_PATH 0/2',
    'Topics, 3:  lobby 400  room:7 300',
    '03:04:01 refused  ERR_ORIGIN (403) · /  192.0.2.9',
    '',
    '',
    '',
    's sort',
  ]);
});

const LOAD = {
  ready: true,
  reasons: [],
  uptimeMs: 11_520_000,
  connections: 850,
  slowConnections: 1,
  subscriptions: 700,
  receivedPerSecond: 1_800,
  sentPerSecond: 0.5,
  bytesBuffered: 1_048_576,
};
const CLUSTER: AdminSnapshot['cluster'] = {
  nodeId: 'n1',
  state: 'up',
  nodes: [
    { id: 'n1', name: 'chat-1', host: 'vm7', pid: 4_711, version: '1.2.3', load: LOAD, worker: null },
    {
      id: 'n2',
      name: null,
      host: 'vm8',
      pid: 12,
      version: '1.2.3',
      load: { ...LOAD, ready: false, reasons: ['full', 'engine'] },
      worker: null,
    },
    { id: 'n3-which-is-long', name: null, host: '', pid: 0, version: '', load: null, worker: null },
  ],
  totals: {
    nodes: 3,
    answered: 2,
    connections: 1_700,
    receivedPerSecond: 3_600,
    sentPerSecond: 1,
    bytesBuffered: 2_097_152,
  },
};

const DELAY = { mean: 0.1, p99: 3.4, max: 9 };
const worker = (number: number, of: Partial<AdminNode> = {}): AdminNode => ({
  id: `worker ${number}`,
  name: `worker ${number}`,
  host: 'vm7',
  pid: 4_710 + number,
  version: '1.2.3',
  load: LOAD,
  worker: { number, state: 'up', restarts: 0, loopUtilization: 0.314, loopDelayMs: DELAY },
  ...of,
});

test('CM-11 SC-02: workers are a table with load and delay of the event loop, restarts, and a sum', () => {
  const gone = {
    number: 2,
    state: 'waiting',
    restarts: 3,
    loopUtilization: null,
    loopDelayMs: null,
  } as const;
  const nodes = [worker(1), worker(2, { pid: 0, load: null, worker: gone })];
  const totals = { ...CLUSTER.totals!, nodes: 2, answered: 1 };
  const rows = frame(shown(madeSnapshot({ cluster: { nodeId: '', state: 'up', nodes, totals } })), PAPER);
  assert.equal(rows.length, 24);
  assert.deepEqual(rows.slice(8, 12), [
    ' WORKER          STATE       CONN   IN/S  OUT/S   QUEUED  LOOP   DELAY  RST   UP',
    ' 1  pid 4711     ready        850   1.8k    0.5     1MiB  31 %  3.4 ms    0   3h',
    ' 2               waiting        -      -      -        -     -       -    3    -',
    ' total of 1      1 missing   1.7k   3.6k      1     2MiB                  3     ',
  ]);
});

test('CM-11 SC-09: the servers of a cluster are a table with a sum, above the connections', () => {
  const rows = frame(shown(madeSnapshot({ cluster: CLUSTER })), PAPER);
  assert.equal(rows.length, 24);
  assert.deepEqual(rows.slice(8, 16), [
    ' SERVER                     STATE             CONN   IN/S  OUT/S   QUEUED     UP',
    '*chat-1 vm7 pid 4711        ready              850   1.8k    0.5     1MiB     3h',
    ' n2 vm8 pid 12              full, engine       850   1.8k    0.5     1MiB     3h',
    ' n3-which                   no answer            -      -      -        -      -',
    ' total of 2                 1 missing         1.7k   3.6k      1     2MiB       ',
    ' ID       ADDRESS             AGE STATE    IN/S  OUT/S BUFFER▾    RTT  TOP  DROP',
    '!6f9619ff 192.0.2.1:51234    1min open     1.2k    0.5    2MiB 12.3ms    2     7',
    ' 0b0b0b0b [2001:db8::1]:51…  1min open     1.2k    0.5     10B      -    2     7',
  ]);
  const many = {
    ...CLUSTER,
    state: 'down' as const,
    nodes: Array.from({ length: 40 }, () => CLUSTER.nodes![0]!),
    totals: { ...CLUSTER.totals!, nodes: 40, answered: 40 },
  };
  const some = frame(shown(madeSnapshot({ cluster: many })), { ...PAPER, rows: 40 });
  assert.deepEqual(
    [some.filter((row) => row.startsWith('*')).length, some.find((row) => row.startsWith(' and'))],
    [6, ' and 34 more'],
  );
  assert.ok(some.some((row) => row.startsWith(' engine down')));
  const all = report(madeSnapshot({ cluster: many }), new Rates(), { ...PAPER, rows: 0 });
  assert.equal(all.filter((row) => row.startsWith('*')).length, 40);
  const alone = report(madeSnapshot({ cluster: { ...CLUSTER, state: 'alone' } }), new Rates(), PAPER);
  assert.ok(!alone.some((row) => row.includes('SERVER')), 'a server on its own has no such table');
});

test('CM-11: without Unicode only ASCII is drawn, with colours only SGR is added', () => {
  const plain = frame(shown(madeSnapshot()), PAPER);
  const ascii = frame(shown(madeSnapshot({ events: [] as never })), { ...PAPER, unicode: false });
  // The unit of microseconds is text, which any encoding has.
  assert.match(ascii.join('').replaceAll('µ', 'u'), /^[\x20-\x7e]*$/);
  assert.match(ascii.join('\n'), /Connections #+\.+ 850/);
  assert.match(ascii.join('\n'), /BUFFERv/);
  const colours = frame(shown(madeSnapshot()), { ...PAPER, colours: true });
  assert.notDeepEqual(colours, plain);
  assert.deepEqual(
    colours.map((line) => line.replaceAll(/\p{Cc}\[\d+m/gu, '')),
    plain,
  );
});

const HOSTILE = '\u001b[2J\u009b31m\n\u202ex';
const snapshotOfHostile = (): AdminSnapshot =>
  madeSnapshot({
    server: { name: HOSTILE, host: HOSTILE, version: HOSTILE, nodeVersion: HOSTILE },
    readiness: { ready: false, reasons: [HOSTILE as never] },
    lastMinute: { closesByCause: { [HOSTILE]: 1 }, refusedByCode: { [HOSTILE]: 1 } },
    topics: [{ name: HOSTILE, subscribers: 1 }] as never,
    cluster: {
      ...CLUSTER,
      nodes: [
        { id: HOSTILE, name: HOSTILE, host: HOSTILE, pid: 1, version: HOSTILE, load: null, worker: null },
        { ...CLUSTER.nodes![0]!, load: { ...LOAD, ready: false, reasons: [HOSTILE] } },
      ],
    },
    connections: {
      rows: [madeConnection({ id: HOSTILE, remoteAddress: HOSTILE })],
      view: { sort: 'buffered', limit: 50, filter: HOSTILE },
    },
    events: [
      {
        number: 1,
        atMs: 0,
        kind: HOSTILE as never,
        severity: 'error',
        text: HOSTILE,
        connectionId: HOSTILE,
        remoteAddress: HOSTILE,
      },
    ] as never,
  });

test('CM-11: control characters of peers are escaped wherever text of them is shown', () => {
  const wide = { ...PAPER, columns: 400, rows: 50 };
  for (const lines of [
    frame(shown(snapshotOfHostile()), wide),
    report(snapshotOfHostile(), new Rates(), wide),
  ]) {
    assert.doesNotMatch(lines.join(''), /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.ok(lines.filter((line) => line.includes('\\u{1b}[2J')).length >= 6, lines.join('\n'));
  }
});

test('CM-11: at any size a frame has exactly as many lines, and none is too wide', () => {
  const snapshots = [madeSnapshot(), snapshotOfHostile(), madeSnapshot({ connections: { rows: [] } })];
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 100 }),
      fc.boolean(),
      fc.constantFrom(...snapshots),
      (columns, rows, unicode, snapshot) => {
        const lines = frame(shown(snapshot), { columns, rows, colours: false, unicode });
        assert.equal(lines.length, rows);
        for (const line of lines)
          assert.ok(columnsOf(line) <= columns, `${columnsOf(line)} > ${columns}: ${line}`);
      },
    ),
    { numRuns: 300 },
  );
});

test('CM-11: a larger terminal shows more connections and events, a wide one the whole id', () => {
  const rows = Array.from({ length: 60 }, (_, i) => madeConnection({ remotePort: i + 1 }));
  const events = Array.from({ length: 100 }, (_, i) => ({
    ...madeSnapshot().events[0]!,
    text: `event ${i}.`,
  }));
  const snapshot = madeSnapshot({ connections: { rows }, events });
  const small = frame(shown(snapshot), PAPER).join('\n');
  const large = frame(shown(snapshot), { ...PAPER, columns: 140, rows: 60 }).join('\n');
  assert.deepEqual([small.match(/192\.0\.2\.1:/g)?.length, small.match(/event \d+\./g)?.length], [7, 4]);
  assert.deepEqual([large.match(/192\.0\.2\.1:/g)?.length, large.match(/event \d+\./g)?.length], [31, 16]);
  assert.ok(large.includes(ID) && !small.includes(ID));
  assert.ok(small.includes('event 99.') && !small.includes('event 95.'));
});

test('CM-11: what is not known is not shown as 0, and no connection is said', () => {
  const lines = frame(
    shown(
      madeSnapshot({
        gauges: { loopUtilization: null, loopDelayMs: null },
        latency: { handler: null },
        connections: { rows: [] },
        topics: [] as never,
        events: [] as never,
        lastMinute: { closesByCause: {}, refusedByCode: {} },
      }),
    ),
    PAPER,
  ).join('\n');
  assert.match(lines, /Loop busy +·+ \?\n/);
  assert.match(lines, /Delay p99 +·+ \?\n/);
  assert.match(lines, /Handler +no sample/);
  assert.match(lines, /\n no connections\n/);
  assert.match(lines, /\nno events\n/);
});

test('CM-11: rates are differences, fill gaps, and begin again with a server that does', () => {
  const rates = new Rates();
  const at = (uptimeMs: number, received: number): AdminSnapshot => {
    const { stats } = madeSnapshot();
    return madeSnapshot({ stats: { ...stats, uptimeMs, messages: { ...stats.messages, received } } });
  };
  rates.add(at(10_000, 0));
  assert.deepEqual(rates.series('messages in'), []);
  rates.add(at(11_000, 5));
  rates.add(at(14_000, 35));
  assert.deepEqual(rates.series('messages in'), [5, 10, 10, 10]);
  rates.add(at(1_000, 2));
  assert.deepEqual(rates.series('messages in'), []);
  rates.add(at(200_000, 2));
  assert.equal(rates.series('messages in').length, 60);
});

test('CM-11: a minute fits into fewer columns as means, the newest last', () => {
  const minute = Array.from({ length: 60 }, (_, i) => i);
  assert.deepEqual(resampled(minute, 4), [7, 22, 37, 52]);
  assert.deepEqual(resampled([1, 3], 30), [2]);
  assert.deepEqual(resampled([1, 3], 60), [1, 3]);
  assert.deepEqual(resampled([], 10), []);
  assert.ok(resampled(minute, 7).length <= 7 + 1);
});

test('CM-11: numbers, bytes and durations are short at every size', () => {
  for (const [value, text] of [
    [0, '0'],
    [0.25, '0.3'],
    [9.96, '10'],
    [999.4, '999'],
    [999.6, '1k'],
    [12_345, '12.3k'],
    [999_949, '1M'],
    [1e15, '1000T'],
  ] as const) {
    assert.equal(compact(value), text);
  }
  for (const [bytes, text] of [
    [0, '0B'],
    [1_023, '1023B'],
    [1_024, '1KiB'],
    [1_047_000, '1022KiB'],
    [1_048_575, '1MiB'],
    [1.5 * 2 ** 30, '1.5GiB'],
  ] as const) {
    assert.equal(compactBytes(bytes), text);
  }
  assert.deepEqual(
    [0, 59_999, 60_000, 86_400_000 * 400].map((ms) => age(ms)),
    ['0 s', '59 s', '1 min', '400 d'],
  );
  assert.deepEqual([500, 61_000, 3_600_000, 90_000_000].map(uptime), ['0 s', '1 min 1 s', '1 h', '1 d 1 h']);
});

test('CM-11: text is cut by the columns that it takes', () => {
  assert.deepEqual(['a', 'é', 'e\u0301', '中', '👋', 'µ…'].map(columnsOf), [1, 1, 1, 2, 2, 2]);
  assert.equal(cropped('中文字', 6, true), '中文字');
  assert.equal(cropped('中文字', 5, true), '中文…');
  assert.equal(cropped('中文字', 4, true), '中…');
  assert.equal(cropped('abc', 2, false), 'a~');
  assert.equal(cropped('abc', 0, true), '');
  assert.equal(fitted('中', 4, true, 'right'), '  中');
});
