/** A line of a chart. */
export interface Series {
  readonly name: string;
  /** Class of its colour. */
  readonly look: 'main' | 'second';
  /** Points from left to right; a gap where `y` is `null`. */
  readonly points: readonly { readonly x: number; readonly y: number | null; readonly says: string }[];
  /** Fill the area below. */
  readonly filled?: boolean;
}
/** A horizontal line that the values are compared with. */
export interface Mark {
  readonly y: number;
  readonly says: string;
  readonly look: 'limit' | 'plan';
}
export interface Tick {
  readonly at: number;
  readonly says: string;
}
export interface LineChart {
  readonly series: readonly Series[];
  readonly marks: readonly Mark[];
  readonly xTicks: readonly Tick[];
  /** Vertical lines, where something happened. */
  readonly events?: readonly Tick[];
  /** Of the vertical axis. */
  readonly format: (value: number) => string;
}
export interface BarChart {
  readonly bars: readonly { readonly value: number; readonly label: string; readonly says: string }[];
  readonly format: (value: number) => string;
}

const [WIDTH, HEIGHT] = [520, 240];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 14, 18, 30];
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
const MAX_LABELS = 8;

/** Text for HTML and SVG, also inside of attributes. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`);

const place = (value: number): string => String(Number(value.toFixed(1)));

/** Three to six round numbers from 0 to at least `highest`. */
export function roundTicks(highest: number): number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, i) =>
    Number((i * step).toPrecision(12)),
  );
}

function frame(
  ticks: readonly number[],
  yOf: (value: number) => number,
  format: (value: number) => string,
): string {
  return ticks
    .map((tick) => {
      const y = place(yOf(tick));
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text class="y" x="${LEFT - 8}" y="${y}" dy=".32em">${escaped(format(tick))}</text>`;
    })
    .join('');
}

const svg = (title: string, inside: string): string =>
  `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${inside}</svg>`;

/** Parts of a series without gaps. */
function runsOf({ points }: Series): (readonly [x: number, y: number])[][] {
  const runs: (readonly [number, number])[][] = [[]];
  for (const { x, y } of points) {
    if (y === null) runs.push([]);
    else runs.at(-1)!.push([x, y]);
  }
  return runs.filter((run) => run.length > 0);
}

/** Draws a chart with time or shares from left to right. Each point says its values when it is pointed at. */
export function lineChart(title: string, { series, marks, xTicks, events = [], format }: LineChart): string {
  const xs = [...series.flatMap(({ points }) => points.map(({ x }) => x)), ...xTicks.map(({ at }) => at)];
  const ys = series.flatMap(({ points }) => points.map(({ y }) => y ?? 0));
  const [least, greatest] = [Math.min(...xs), Math.max(...xs)];
  const ticks = roundTicks(Math.max(...ys, ...marks.map(({ y }) => y)));
  const top = ticks.at(-1)!;
  const xOf = (value: number): number =>
    LEFT + (greatest === least ? 0.5 : (value - least) / (greatest - least)) * PLOT_WIDTH;
  const yOf = (value: number): number => TOP + (1 - value / top) * PLOT_HEIGHT;
  const at = ([x, y]: readonly [number, number]): string => `${place(xOf(x))},${place(yOf(y))}`;

  const lines = series.flatMap((one) =>
    runsOf(one).map((run) => {
      const path = run.map(at).join('L');
      const floor = place(yOf(0));
      const area = `<path class="area ${one.look}" d="M${place(xOf(run[0]![0]))},${floor}L${path}L${place(xOf(run.at(-1)![0]))},${floor}Z"/>`;
      // A run of one point has no line: draw a dot.
      const [first] = run;
      const line =
        run.length === 1
          ? `<circle class="dot ${one.look}" cx="${place(xOf(first![0]))}" cy="${place(yOf(first![1]))}" r="2.5"/>`
          : `<path class="line ${one.look}" d="M${path}"/>`;
      return one.filled === true ? area + line : line;
    }),
  );
  const limits = marks.map(({ y, says, look }) => {
    const height = place(yOf(y));
    const below = yOf(y) < TOP + 14;
    return `<line class="mark ${look}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${height}" y2="${height}"/><text class="mark ${look}" x="${WIDTH - RIGHT}" y="${height}" dy="${below ? '1.1em' : '-.4em'}">${escaped(says)}</text>`;
  });
  const happened = events.map(({ at: when, says }) => {
    const x = place(xOf(when));
    return `<line class="mark plan" x1="${x}" x2="${x}" y1="${TOP}" y2="${TOP + PLOT_HEIGHT}"><title>${escaped(says)}</title></line>`;
  });
  const labels = xTicks.map(
    ({ at: x, says }) => `<text class="x" x="${place(xOf(x))}" y="${HEIGHT - 10}">${escaped(says)}</text>`,
  );
  const [first] = series;
  const points = first?.points ?? [];
  const hovers = points.map(({ x, says }, i) => {
    const from = i === 0 ? LEFT : (xOf(points[i - 1]!.x) + xOf(x)) / 2;
    const to = i === points.length - 1 ? WIDTH - RIGHT : (xOf(x) + xOf(points[i + 1]!.x)) / 2;
    return `<g class="hover"><rect x="${place(from)}" y="${TOP}" width="${place(Math.max(0.1, to - from))}" height="${PLOT_HEIGHT}"/><line x1="${place(xOf(x))}" x2="${place(xOf(x))}" y1="${TOP}" y2="${TOP + PLOT_HEIGHT}"/><title>${escaped(says)}</title></g>`;
  });
  return svg(
    title,
    [frame(ticks, yOf, format), ...lines, ...limits, ...happened, ...labels, ...hovers].join(''),
  );
}

/** Draws bars from left to right; at most {@link MAX_LABELS} of them get their label. */
export function barChart(title: string, { bars, format }: BarChart): string {
  const ticks = roundTicks(Math.max(...bars.map(({ value }) => value)));
  const top = ticks.at(-1)!;
  const yOf = (value: number): number => TOP + (1 - value / top) * PLOT_HEIGHT;
  const slot = PLOT_WIDTH / bars.length;
  const every = Math.ceil(bars.length / MAX_LABELS);
  const drawn = bars.map(({ value, label, says }, i) => {
    const x = LEFT + i * slot;
    const height = value > 0 ? Math.max(1.5, yOf(0) - yOf(value)) : 0;
    const text =
      i % every === 0
        ? `<text class="x edge" x="${place(x)}" y="${HEIGHT - 10}">${escaped(label)}</text>`
        : '';
    return `<g class="hover"><rect x="${place(x)}" y="${TOP}" width="${place(slot)}" height="${PLOT_HEIGHT}"/><rect class="bar" x="${place(x + 1)}" y="${place(yOf(0) - height)}" width="${place(Math.max(1, slot - 2))}" height="${place(height)}" rx="2"/><title>${escaped(says)}</title></g>${text}`;
  });
  return svg(title, frame(ticks, yOf, format) + drawn.join(''));
}
