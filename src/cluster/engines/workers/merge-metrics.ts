/** A metric of the text format of Prometheus. */
interface Family {
  readonly help: string;
  readonly type: string;
  /** By name and labels, as written. */
  readonly values: Map<string, number>;
}

/** Metrics by name. */
export type Families = ReadonlyMap<string, Family>;

/**
 * What the texts have in common: servers of one thread have one heap and one event loop, threads of one process its memory and its
 * CPU time, processes nothing.
 */
export type Shared = 'thread' | 'process' | 'machine';

type Rule = 'sum' | 'max' | 'mean';

/** Metrics of the process. */
const OF_PROCESS: ReadonlySet<string> = new Set(['hawser_cpu_seconds_total', 'hawser_resident_memory_bytes']);
/** Metrics of the thread. */
const OF_THREAD: ReadonlySet<string> = new Set([
  'hawser_heap_used_bytes',
  'hawser_heap_limit_bytes',
  'hawser_memory_budget_bytes',
]);

/** Of several servers, the value of the worst one says most. */
const NEVER_ADDED: ReadonlySet<string> = new Set([
  'hawser_build_info',
  'hawser_load_level',
  'hawser_load_pressure_ratio',
]);

/** How values of one series become one: counters, histograms and most gauges add up; delays do not, nor do shares. */
function ruleOf(name: string, type: string, shared: Shared): Rule {
  if (NEVER_ADDED.has(name)) return 'max';
  if (shared !== 'machine' && OF_PROCESS.has(name)) return 'max';
  if (shared === 'thread' && OF_THREAD.has(name)) return 'max';
  if (type !== 'gauge') return 'sum';
  if (name.endsWith('_ratio')) return 'mean';
  return name.endsWith('_seconds') ? 'max' : 'sum';
}

/** Reads metrics as `server.metrics()` writes them. Lines that are none are ignored. */
export function readFamilies(text: string): Families {
  const families = new Map<string, Family>();
  let help = '';
  let values: Map<string, number> | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) help = line.slice(line.indexOf(' ', 7) + 1);
    else if (line.startsWith('# TYPE ')) {
      const [name = '', type = 'untyped'] = line.slice(7).split(' ');
      values = new Map();
      families.set(name, { help, type, values });
    } else if (line !== '' && !line.startsWith('#')) {
      const at = line.lastIndexOf(' ');
      values?.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
  }
  return families;
}

export function mergeFamilies(readings: readonly Families[], shared: Shared): Families {
  const merged = new Map<string, Family>();
  for (const reading of readings) {
    for (const [name, { help, type, values }] of reading) {
      const family = merged.get(name) ?? { help, type, values: new Map<string, number>() };
      merged.set(name, family);
      const rule = ruleOf(name, type, shared);
      for (const [series, value] of values) {
        const known = family.values.get(series);
        if (known === undefined) family.values.set(series, value);
        else family.values.set(series, rule === 'max' ? Math.max(known, value) : known + value);
      }
    }
  }
  for (const [name, { type, values }] of merged) {
    if (ruleOf(name, type, shared) !== 'mean') continue;
    for (const [series, sum] of values)
      values.set(series, sum / readings.filter((reading) => reading.get(name)?.values.has(series)).length);
  }
  return merged;
}

/** What stays when a worker ends: its counters and histograms, so that sums never fall. */
export function countersOf(reading: Families, shared: Shared): Families {
  return new Map(
    [...reading].filter(
      ([name, { type }]) => type !== 'gauge' && !(shared === 'process' && OF_PROCESS.has(name)),
    ),
  );
}

/** The text format of Prometheus, version 0.0.4. */
export function writeFamilies(families: Families): string {
  let text = '';
  for (const [name, { help, type, values }] of families) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [series, value] of values) text += `${series} ${value}\n`;
  }
  return text;
}

export const oneValue = (name: string, type: 'counter' | 'gauge', help: string, value: number): string =>
  `# HELP ${name} ${help}.\n# TYPE ${name} ${type}\n${name} ${value}\n`;
