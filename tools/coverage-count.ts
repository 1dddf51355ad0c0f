// What V8 says about the blocks of a compiled module, counted as lines and branches of its source.
import { SourceMap, type SourceMapPayload } from 'node:module';

/** A block, or a whole function, and how often it ran; an inner one has the last word. */
export interface Block {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** As V8 tells it: the function itself first, then the blocks inside that ran less often or more often. */
export interface FunctionBlocks {
  readonly ranges: readonly Block[];
}

/** Of one module or of many. */
export interface Counts {
  readonly lines: number;
  readonly idleLines: number;
  readonly branches: number;
  readonly idleBranches: number;
}

export interface ModuleCounts extends Counts {
  /** Numbers of source lines that did not run, or did not run in part. */
  readonly lineNumbers: readonly number[];
  /** Source lines on which a branch begins that was never taken. */
  readonly branchNumbers: readonly number[];
}

/** What the compiler makes of `using` is its own code: nobody wrote that `catch`. */
const OF_THE_COMPILER = /\b(?:env|e|result)_\d+\b/;

/** One compiled module, and what ran of it in any process. */
export class ModuleCoverage {
  readonly #text: string;
  readonly #ran: Uint8Array;
  /** By start and end: a process leaves out a block that ran as often as what is around it. */
  readonly #blocks = new Map<string, readonly [start: number, end: number]>();

  constructor(text: string) {
    this.#text = text;
    this.#ran = new Uint8Array(text.length);
  }

  /** Adds what one process, or one thread of it, did. */
  add(functions: readonly FunctionBlocks[]): void {
    const ran = new Uint8Array(this.#ran.length);
    const blocks = functions.flatMap(({ ranges }) => ranges);
    // Outer ones first.
    blocks.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
    for (const { startOffset, endOffset, count } of blocks) {
      ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      this.#blocks.set(`${startOffset}-${endOffset}`, [startOffset, endOffset]);
    }
    for (const [at, did] of ran.entries()) this.#ran[at]! |= did;
  }

  /**
   * @param payload The source map beside the module.
   * @param isExcused Whether a compiled line need not run.
   */
  count(payload: SourceMapPayload, isExcused: (line: string) => boolean): ModuleCounts {
    const map = new SourceMap(payload);
    const rows = this.#text.split('\n');
    const starts: number[] = [];
    let end = 0;
    for (const row of rows) {
      starts.push(end);
      end += row.length + 1;
    }
    /** The source line; `undefined` for what the compiler put in front. */
    const lineOf = (row: number, column: number): number | undefined => {
      const entry = map.findEntry(row, column);
      return 'originalLine' in entry ? entry.originalLine + 1 : undefined;
    };
    const isWritten = (row: number, column: number) =>
      lineOf(row, column) !== undefined && !OF_THE_COMPILER.test(rows[row]!);

    const lines = new Set<number>();
    const idleLines = new Set<number>();
    for (const [row, text] of rows.entries()) {
      // A module of types alone leaves an empty export, which nobody imports.
      if (!/\w/.test(text) || /^\s*(?:\/\/|\/?\*)/.test(text) || text === 'export {};') continue;
      const column = text.search(/\S/);
      if (!isWritten(row, column)) continue;
      const line = lineOf(row, column)!;
      lines.add(line);
      const isIdle = (unit: string, at: number): boolean =>
        this.#ran[starts[row]! + at] === 0 && /\w/.test(unit);
      if (!isExcused(text) && text.split('').some(isIdle)) idleLines.add(line);
    }

    let branches = 0;
    const idleBranches: number[] = [];
    for (const [start, stop] of this.#blocks.values()) {
      const from = start + this.#text.slice(start, stop).search(/\S|$/);
      const row = starts.findLastIndex((at) => at <= from);
      const line = lineOf(row, from - starts[row]!);
      if (line === undefined || !isWritten(row, from - starts[row]!)) continue;
      branches++;
      if (!this.#ran.subarray(start, stop).includes(1) && !isExcused(rows[row]!)) idleBranches.push(line);
    }
    const ascending = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);
    return {
      lines: lines.size,
      idleLines: idleLines.size,
      branches,
      idleBranches: idleBranches.length,
      lineNumbers: ascending(idleLines),
      branchNumbers: ascending(idleBranches),
    };
  }
}

/** Numbers as a person writes them: `12, 20-22`. */
export function asSpans(numbers: readonly number[]): string {
  const spans: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
