import type { InspectedConnection, InspectedFrame, Inspection } from '../../observe/index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Objects for `--json`: the file, its connections, each with its frames, and a summary. */
export function* jsonEvents(
  { format, connections, notes }: Inspection,
  only: number | undefined,
): IterableIterator<Fields> {
  yield { event: 'file', format, connections: connections.length, notes };
  let frames = 0;
  let violations = 0;
  for (const connection of connections) {
    const { id, protocol, extensions, end } = connection;
    yield { event: 'connection', id, protocol, extensions, end: end ?? null, notes: connection.notes };
    for (const frame of connection.frames) {
      frames++;
      violations += frame.violations.length;
      if (only === undefined || frame.number === only) yield frameEvent(id, frame);
    }
    violations += connection.violations.length;
    yield* violationEvents(connection);
  }
  yield { event: 'summary', frames, violations };
}

function* violationEvents({ id, violations }: InspectedConnection): IterableIterator<Fields> {
  for (const violation of violations) yield { event: 'violation', id, ...violation };
}

function frameEvent(id: string, frame: InspectedFrame): Fields {
  const { timeMs, offset, key, payload, message, close, ...rest } = frame;
  return {
    event: 'frame',
    id,
    ...rest,
    timeMs: timeMs ?? null,
    offset: offset ?? null,
    key: key?.toString('hex') ?? null,
    hex: payload.toString('hex'),
    close: close ?? null,
    message:
      message === undefined
        ? null
        : {
            type: message.isText ? 'text' : 'binary',
            bytes: message.data.length,
            frames: message.frames,
            compressed: message.isCompressed,
            ...(message.isText
              ? { data: message.data.toString('utf8') }
              : { hex: message.data.toString('hex') }),
          },
  };
}
