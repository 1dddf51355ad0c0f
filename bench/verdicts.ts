import { size } from '../src/load/index.ts';
import { WS_DEMANDS } from './cells.ts';
import {
  type CellRecord,
  type MemoryRecord,
  type Results,
  type Standing,
  worst,
  worstFirst,
} from './results.ts';
import { median } from './statistics.ts';

/** Whether a demand is met, and the cells that miss it. */
export interface Verdict {
  readonly requirement: string;
  readonly demand: string;
  readonly seen: string;
  readonly met: boolean;
}

const behind = (standing: Standing): boolean => worst(standing) < 1;

/** How many cells a verdict names. The tables have all cells. */
const MAX_NAMED = 4;

function cellsVerdict(requirement: string, demand: string, records: readonly CellRecord[]): Verdict[] {
  const standings = worstFirst(records.filter((record) => record.requirement === requirement));
  if (standings.length === 0) return [];
  const lost = standings
    .filter(([, standing]) => behind(standing))
    .map(([{ group, name }]) => `${group}: ${name}`);
  const of = `of ${standings.length} cells`;
  const named =
    lost.slice(0, MAX_NAMED).join('; ') + (lost.length > MAX_NAMED ? '; and others, in red below' : '');
  return [
    {
      requirement,
      demand,
      seen: lost.length === 0 ? `ahead in all ${of}` : `behind in ${lost.length} ${of}: ${named}`,
      met: lost.length === 0,
    },
  ];
}

/** `hawser/ws` against `ws`: one verdict per group, which each have their own demand, and one for memory. */
function throughWsVerdicts(records: readonly CellRecord[], memory: MemoryRecord | null): Verdict[] {
  const verdicts = Object.entries(WS_DEMANDS).flatMap(([group, atLeast]) => {
    const standings = worstFirst(records.filter((record) => record.group === group));
    if (standings.length === 0) return [];
    const figures = standings.map(([, standing]) => worst(standing));
    return [
      {
        requirement: 'PF-16',
        demand: `${group}: at least ${atLeast} times ws, in messages a second and in CPU time`,
        seen: figures.map((figure) => figure.toFixed(2)).join(', '),
        met: figures.every((figure) => figure >= atLeast),
      },
    ];
  });
  const [ours, theirs] = ['hawser-ws', 'ws'].map((id) => memory?.sides[id]);
  if (ours === undefined || theirs === undefined) return verdicts;
  const [ourHeap, theirHeap] = [ours, theirs].map((samples) =>
    median(samples.map(({ untouched }) => untouched.heapAndExternal)),
  ) as [number, number];
  verdicts.push({
    requirement: 'PF-16',
    demand: 'hawser/ws, idle connections: no more heap and buffers than ws',
    seen: `${size(ourHeap)}, ws ${size(theirHeap)}`,
    met: ourHeap <= theirHeap,
  });
  return verdicts;
}

const MAX_IDLE_BYTES = 8_192;

function memoryVerdict(memory: MemoryRecord | null): Verdict[] {
  const ours = memory?.sides['hawser'];
  const theirs = memory?.sides['ws'];
  if (ours === undefined || theirs === undefined) return [];
  const of = (
    samples: typeof ours,
    moment: 'untouched' | 'afterTraffic',
    what: 'rss' | 'heapAndExternal',
  ): number => median(samples.map((sample) => sample[moment][what]));
  const heaps = [of(ours, 'untouched', 'heapAndExternal'), of(ours, 'afterTraffic', 'heapAndExternal')];
  const met =
    heaps.every((bytes) => bytes <= MAX_IDLE_BYTES) &&
    (['untouched', 'afterTraffic'] as const).every(
      (moment) =>
        of(ours, moment, 'heapAndExternal') < of(theirs, moment, 'heapAndExternal') &&
        of(ours, moment, 'rss') < of(theirs, moment, 'rss'),
    );
  return [
    {
      requirement: 'PF-12',
      demand: 'idle connections: less than ws, at most 8 KiB of heap and buffers, the same after traffic',
      seen: heaps.map(size).join(', after traffic '),
      met,
    },
  ];
}

/** Every demand on performance, and whether this run meets it. */
export function verdictsOf({ cells, memory, floors }: Results): Verdict[] {
  return [
    ...floors,
    ...cellsVerdict(
      'PF-08',
      'echo: faster than ws in every cell, in messages a second and in CPU time',
      cells,
    ),
    ...cellsVerdict('PF-09', 'fan-out: the same', cells),
    ...cellsVerdict('PF-10', 'compressed fan-out: the same', cells),
    ...cellsVerdict('PF-11', 'handshakes: the same', cells),
    ...memoryVerdict(memory),
    ...throughWsVerdicts(cells, memory),
  ];
}
