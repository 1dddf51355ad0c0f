import { type CellRecord, type Ratio, type Results, type Standing, standingOf } from './results.ts';

const ROW = 17;
const GROUP_GAP = 30;
const TOP = 74;
/** Widths of labels and chart: of all cells, and of one group, which is readable on a phone. */
const WIDE = { labels: 300, chart: 540 };
const NARROW = { labels: 196, chart: 300 };
interface Row {
  readonly record: CellRecord;
  readonly standing: Standing;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const fixed = (value: number): string => String(Math.round(value * 10) / 10);

/** Colours for light and dark mode: an image in a page knows which one its reader prefers. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; } .group { font-weight: 600; } .small { font-size: 11px; fill: #59636e; }
  .grid { stroke: #d1d9e0; } .one { stroke: #1f2328; stroke-width: 1.5; } .lost { fill: #cf222e; }
  .cpu { fill: #0969da; stroke: #0969da; } .rate { fill: none; stroke: #bc4c00; stroke-width: 1.6; }
  .background { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; } .grid { stroke: #3d444d; } .one { stroke: #f0f6fc; }
    .lost { fill: #ff7b72; } .cpu { fill: #4493f8; stroke: #4493f8; } .rate { stroke: #f0883e; } .background { fill: #0d1117; }
  }`;

/** The groups that have a plot, with the name of its file. */
export function plottedGroups({ cells }: Results): ReadonlyMap<string, string> {
  const groups = cells.filter((record) => isPlotted(record)).map(({ group }) => group);
  return new Map([...new Set(groups)].map((group) => [group, slug(group)]));
}

const slug = (group: string): string => `benchmark-${group.toLowerCase().replaceAll(/[^a-z]+/g, '-')}.svg`;

const isPlotted = (record: CellRecord): boolean =>
  record.requirement !== 'PF-14' && standingOf(record) !== undefined;

/** `16 KiB, 100 × 16` for 100 connections with 16 messages in flight each. */
const short = (name: string): string => name.replace(' conn., pipeline ', ' × ');

/**
 * The plot: one row per cell with the ratios of CPU time per message and of messages per second, on a logarithmic scale, and with
 * the quartiles of the pairs.
 * @param only A group, for a narrow plot of its cells. Default: all groups.
 */
export function plotOf({ cells, environment }: Results, only?: string): string {
  const { labels: LABELS, chart: CHART } = only === undefined ? WIDE : NARROW;
  const WIDTH = LABELS + CHART + 40;
  const rows = cells.flatMap((record): Row[] => {
    if (!isPlotted(record) || (only !== undefined && record.group !== only)) return [];
    return [{ record, standing: standingOf(record)! }];
  });
  const ratios = rows.flatMap(({ standing: { cpu, rate } }) => [cpu.low, cpu.high, rate.low, rate.high]);
  // The limits of the scale are powers of two.
  const first = Math.floor(Math.log2(Math.min(0.5, ...ratios)));
  const last = Math.ceil(Math.log2(Math.max(2, ...ratios)));
  const x = (ratio: number): number => LABELS + ((Math.log2(ratio) - first) / (last - first)) * CHART;
  let y = only === undefined ? TOP : TOP + 12;
  let group = only ?? '';
  const marks: string[] = [];
  for (const { record, standing } of rows) {
    if (record.group !== group) {
      group = record.group;
      y += GROUP_GAP;
      marks.push(`<text class="group" x="12" y="${fixed(y - 8)}">${escaped(group)}</text>`);
    }
    const lost = standing.cpu.median < 1 || standing.rate.median < 1;
    marks.push(
      `<text${lost ? ' class="lost"' : ''} x="${LABELS - 10}" y="${fixed(y + 8)}" text-anchor="end">${escaped(only === undefined ? record.name : short(record.name))}</text>`,
      whisker('rate', standing.rate, y + 6, x),
      `<circle class="rate" cx="${fixed(x(standing.rate.median))}" cy="${fixed(y + 6)}" r="3.6"/>`,
      whisker('cpu', standing.cpu, y + 2, x),
      `<circle class="cpu" cx="${fixed(x(standing.cpu.median))}" cy="${fixed(y + 2)}" r="3.2"/>`,
    );
    y += ROW;
  }
  const bottom = y + 6;
  const grid: string[] = [];
  for (let power = first; power <= last; power++) {
    const at = fixed(x(2 ** power));
    grid.push(
      `<line class="${power === 0 ? 'one' : 'grid'}" x1="${at}" x2="${at}" y1="${TOP + 6}" y2="${fixed(bottom)}"/>`,
      `<text class="small" x="${at}" y="${TOP}" text-anchor="middle">${power < 0 ? `1/${2 ** -power}` : 2 ** power} ×</text>`,
    );
  }
  const { date, node, cpu, rounds, quick } = environment;
  const title = `${only ?? 'Hawser against ws'}: right of 1 × is ahead, red is behind`;
  const about = `${quick ? 'A quick look. ' : ''}${date}, Node ${node}, ${cpu}, ${rounds} rounds; lines are the quartiles`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${fixed(bottom + 14)}" viewBox="0 0 ${WIDTH} ${fixed(bottom + 14)}" role="img" aria-label="${escaped(only === undefined ? 'Hawser against ws' : `${only}: Hawser against ws`)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="background" width="100%" height="100%"/>`,
    `<text class="title" x="12" y="24">${escaped(title)}</text>`,
    only === undefined ? `<text class="small" x="12" y="42">${escaped(about)}</text>` : '',
    `<circle class="cpu" cx="${LABELS + CHART - 250}" cy="38" r="3.2"/><text class="small" x="${LABELS + CHART - 242}" y="42">CPU time per message</text>`,
    `<circle class="rate" cx="${LABELS + CHART - 108}" cy="38" r="3.6"/><text class="small" x="${LABELS + CHART - 100}" y="42">messages a second</text>`,
    ...grid,
    ...marks,
    '</svg>',
    '',
  ].join('\n');
}

function whisker(name: string, { low, high }: Ratio, y: number, x: (ratio: number) => number): string {
  return `<line class="${name}" x1="${fixed(x(low))}" x2="${fixed(x(high))}" y1="${fixed(y)}" y2="${fixed(y)}"/>`;
}
