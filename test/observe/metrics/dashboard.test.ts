import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRICS } from '../../../src/observe/index.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
const BOARD = JSON.parse(read('grafana.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const EXPRESSIONS = BOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const RULES = read('alerts.yml');

/** Labels that Prometheus adds, or that several servers have. */
const COMMON = ['instance', 'job', 'server', 'le'];

/** A metric in an expression, with the names of the labels in its braces. */
function usesIn(expression: string): { readonly name: string; readonly labels: readonly string[] }[] {
  return [...expression.matchAll(/\b(hawser_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', braces = '']) => ({
    name,
    labels: [...braces.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }));
}

/** The metric that a name in an expression belongs to. */
const metricOf = (name: string) =>
  METRICS.find((metric) =>
    metric.kind === 'histogram'
      ? [`${metric.name}_bucket`, `${metric.name}_sum`, `${metric.name}_count`].includes(name)
      : metric.name === name,
  );

for (const [what, expressions] of [
  [
    'the dashboard',
    [...EXPRESSIONS, ...BOARD.templating.list.flatMap(({ definition = '' }) => [definition])],
  ],
  ['the alert rules', [RULES.replaceAll(/^\s*(?:#|summary:|description:).*$/gm, '')]],
] as const) {
  test(`EX-03 MT-01 ${what} use only metrics and labels of the table`, () => {
    const uses = expressions.flatMap(usesIn);
    assert.ok(uses.length > 10);
    for (const { name, labels } of uses) {
      const metric = metricOf(name);
      assert.ok(metric !== undefined, `${name} is no metric`);
      for (const label of labels)
        assert.ok(COMMON.includes(label) || metric.labels.includes(label), `${name} has no label ${label}`);
    }
  });
}

test('EX-03 MT-01 the dashboard shows every metric, and groups and legends use only labels of the table', () => {
  const shown = new Set(EXPRESSIONS.flatMap(usesIn).map(({ name }) => metricOf(name)?.name));
  assert.deepEqual(
    METRICS.map(({ name }) => name).filter((name) => !shown.has(name)),
    [],
  );
  for (const { title, targets = [] } of BOARD.panels) {
    for (const { expr, legendFormat } of targets) {
      const groups = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
      const labels = usesIn(expr).flatMap(({ name }) => metricOf(name)!.labels);
      for (const label of groups)
        assert.ok(COMMON.includes(label) || labels.includes(label), `${title} groups by ${label}`);
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        assert.ok(groups.includes(label), `the legend of ${title} has ${label}`);
    }
  }
});

test('EX-03 the dashboard imports without edits: panels fit the grid, and the data source is a variable', () => {
  const { panels } = BOARD;
  assert.ok(!('__inputs' in BOARD));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [at, one] of panels.entries()) {
    const { x, y, w, h } = one.gridPos;
    assert.ok(x >= 0 && x + w <= 24 && h > 0, one.title);
    if (one.type !== 'row') assert.equal(one.datasource?.uid, '${datasource}', one.title);
    for (const other of panels.slice(at + 1)) {
      const o = other.gridPos;
      const isApart = x + w <= o.x || o.x + o.w <= x || y + h <= o.y || o.y + o.h <= y;
      assert.ok(isApart, `${one.title} overlaps ${other.title}`);
    }
  }
  assert.deepEqual(
    panels.filter(({ type }) => type === 'row').map(({ title }) => title),
    [
      'Clients',
      'Traffic',
      'Latency',
      'Memory and slow consumers',
      'Refusals and closes',
      'Engine',
      'Load control',
      'Process',
    ],
  );
});

test('EX-03 there are nine alert rules, each with a summary and a description', () => {
  assert.equal([...RULES.matchAll(/- alert: Hawser\w+/g)].length, 9);
  for (const part of ['summary:', 'description:', 'severity:', 'for:'])
    assert.equal(RULES.split(part).length - 1, 9, part);
});
