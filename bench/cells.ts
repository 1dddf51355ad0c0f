/** One thing that is measured. */
export interface Cell {
  readonly name: string;
  readonly kind: 'echo' | 'fan-out';
  /** Size of a message, in bytes. */
  readonly payloadBytes: number;
  /** Connections that get messages. */
  readonly connections: number;
  /** Messages of each sender that are under way at a time. */
  readonly pipeline: number;
}

const sizeName = (bytes: number): string => (bytes < 1_024 ? `${bytes} B` : `${bytes / 1_024} KiB`);

function echo(payloadBytes: number, connections: number, pipeline: number): Cell {
  const name = `echo ${sizeName(payloadBytes)}, ${connections} conn., pipeline ${pipeline}`;
  return { name, kind: 'echo', payloadBytes, connections, pipeline };
}

function fanOut(payloadBytes: number, connections: number, pipeline: number): Cell {
  const name = `fan-out ${sizeName(payloadBytes)} to ${connections.toLocaleString('en-US')}, pipeline ${pipeline}`;
  return { name, kind: 'fan-out', payloadBytes, connections, pipeline };
}

export const CELLS: readonly Cell[] = [
  ...[16, 1_024, 65_536].flatMap((size) =>
    [1, 64].flatMap((connections) => [1, 16].map((pipeline) => echo(size, connections, pipeline))),
  ),
  ...[100, 1_000].flatMap((connections) => [1, 16].map((pipeline) => fanOut(128, connections, pipeline))),
];
