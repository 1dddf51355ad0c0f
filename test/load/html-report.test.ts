import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { bar, sparkline } from '../../src/cli/bar.ts';
import { histogramLines } from '../../src/cli/bench/histogram-lines.ts';
import { barChart, lineChart, roundTicks } from '../../src/cli/bench/html-charts.ts';
import { LatencyHistogram } from '../../src/load/latency-histogram.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { bench, QUICK, serverOf } from './stage.ts';

const htmlOf = (folder: string, name = 'report.html'): string => readFileSync(join(folder, name), 'utf8');
const count = (html: string, pattern: RegExp): number => html.match(pattern)?.length ?? 0;

test('CM-08: --html writes a page without scripts, from nowhere else, with four charts and the thresholds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { url } = await serverOf(t, 'echo');
  const file = join(folder, 'report.html');
  const secret = `${url}?token=secret&x=<script>alert(1)</script>`;
  const flags = ['--html', file, '--max-p99-ms', '1000000', '--min-rate', '1000000000'];
  const { code, io } = await bench([secret, ...QUICK, ...flags, '-H', 'X-Key: secret']);
  assert.equal(code, 3, io.errLines.join());
  const html = htmlOf(folder);
  assert.doesNotMatch(html, /secret|<script|https?:|NaN|Infinity|undefined/);
  assert.match(html, /default-src 'none'; style-src 'unsafe-inline'/);
  assert.equal(count(html, /<svg /g), 4);
  assert.match(html, /<p class="outcome fail">[^<]*--min-rate/);
  assert.equal(count(html, /class="tile pass"/g), 1);
  assert.equal(count(html, /class="tile fail"/g), 1);
  assert.ok(count(html, /<title>[\d.]+ m?s: p50 /g) > 2, 'points over time say their values');
  assert.equal(count(html, /<text class="mark limit"/g), 3);
});

for (const [mode, flags, charts] of [
  ['echo', ['--rate', '200'], 4],
  ['fan-out', ['-c', '5'], 4],
  ['handshake', ['-c', '2'], 4],
  ['idle', ['-c', '2', '--pid', String(process.pid)], 0],
] as const) {
  test(`CM-08: the page about --mode ${mode} has ${charts} charts`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const { url } = await serverOf(t, mode === 'fan-out' ? 'relay' : 'echo');
    const time = mode === 'idle' ? QUICK.slice(0, -2) : QUICK;
    const { code, io } = await bench([
      url,
      ...time,
      '-m',
      mode,
      ...flags,
      '--html',
      join(folder, 'report.html'),
    ]);
    assert.equal(code, 0, io.errLines.join());
    const html = htmlOf(folder);
    assert.equal(count(html, /<svg /g), charts);
    assert.doesNotMatch(html, /NaN|Infinity|undefined/);
  });
}

test('CM-08: a page that cannot be written is found before the run', async () => {
  const { code, io } = await bench(['localhost:1', '--html', '/no/such/folder/report.html']);
  assert.equal(code, 1);
  assert.match(io.errLines.join('\n'), /^hawser: --html: cannot write the file: ENOENT/);
  assert.equal(existsSync('/no/such'), false);
});

test('CM-08: the text report has a histogram, with block characters or without', async (t) => {
  const { url } = await serverOf(t, 'echo');
  const [, ...text] = QUICK;
  for (const hasUnicode of [true, false]) {
    const io = { ...fakeIo(), hasUnicode };
    assert.equal((await bench([url, ...text], io)).code, 0);
    const rows = io.outLines.filter((line) => / to .* %/.test(line));
    assert.ok(rows.length > 0 && rows.length <= 14, io.outLines.join('\n'));
    assert.equal(rows.join('').includes('█'), hasUnicode);
    assert.equal(rows.join('').includes('#'), !hasUnicode);
  }
});

test('CM-08: rows of the histogram are aligned, and a little is visible', () => {
  const histogram = new LatencyHistogram();
  histogram.record(0.95, 9_999);
  histogram.record(1.05);
  assert.deepEqual(histogramLines(histogram.toData(), true), [
    `910 µs to   1 ms  ${'█'.repeat(40)}  100.0 %  9,999`,
    `  1 ms to 1.1 ms  ▏${' '.repeat(39)}  < 0.1 %      1`,
  ]);
});

test('CM-08: bars are exact to an eighth, and a little is visible', () => {
  assert.deepEqual(
    [0, 0.001, 0.5, 0.53, 1, 2].map((share) => bar(share, 4, true)),
    ['', '▏', '██', '██▏', '████', '████'],
  );
  assert.deepEqual(
    [0, 0.001, 0.5, 1].map((share) => bar(share, 4, false)),
    ['', '#', '##', '####'],
  );
  assert.equal(sparkline([9, 0, 1, 4, 8], 4, true), '▁▂▅█');
  assert.equal(sparkline([0, 1, 4, 8], 4, false), '_.+@');
  assert.equal(sparkline([0, 0], 4, true), '▁▁');
});

test('CM-08: axes end at or above the highest value, in a few round steps', () => {
  for (const [highest, ticks] of [
    [0, [0, 1]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [7, [0, 2, 4, 6, 8]],
    [23_000, [0, 10_000, 20_000, 30_000]],
    [0.000_3, [0, 0.000_1, 0.000_2, 0.000_3]],
  ] as const) {
    assert.deepEqual(roundTicks(highest), ticks);
  }
});

test('CM-08: charts escape what they say, and break lines at gaps', () => {
  const drawn = lineChart('<a>', {
    series: [
      {
        name: 'x',
        look: 'main',
        points: [
          { x: 0, y: 1, says: '<b>' },
          { x: 1, y: null, says: '' },
          { x: 2, y: 1, says: '' },
          { x: 3, y: 2, says: '' },
        ],
      },
    ],
    marks: [{ y: 3, says: '"', look: 'limit' }],
    xTicks: [{ at: 0, says: '&' }],
    format: String,
  });
  assert.doesNotMatch(drawn, /<[ab]>|"">|>&</);
  assert.equal(count(drawn, /<path class="line main"/g), 1);
  assert.equal(count(drawn, /<circle class="dot main"/g), 1);
  assert.doesNotMatch(
    barChart('b', { bars: [{ value: 1, label: '<i>', says: '<i>' }], format: String }),
    /<i>/,
  );
});
