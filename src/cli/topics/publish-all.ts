import type { Connection, Message } from '../../index.ts';
import { HAWSER_V1 } from './subprotocol.ts';

/** The answer of the server to an accepted message. */
export interface Accepted {
  /** Number of the message on the command line, from 1. */
  readonly number: number;
  /** `undefined` for a topic without history. */
  readonly position: { readonly epoch: string; readonly offset: number } | undefined;
}

type Frame = Readonly<Record<string, unknown>>;

/**
 * Publishes messages over `hawser.v1`, in order, and waits for the answer to each.
 * @param waitMs Time limit for all answers.
 * @param accepted Called for each message that the server accepted.
 * @returns One sentence for each message that the server refused or did not answer.
 */
export async function publishAll(
  connection: Connection,
  topic: string,
  payloads: readonly Message[],
  waitMs: number,
  accepted: (answer: Accepted) => void,
): Promise<readonly string[]> {
  if (connection.protocol !== HAWSER_V1) return [`the server does not speak ${HAWSER_V1}`];
  const failures = readAnswers(connection, payloads.length, waitMs, accepted);
  for (const [at, payload] of payloads.entries()) {
    const data = typeof payload === 'string' ? { data: payload } : { data64: payload.toString('base64') };
    // Rejects if the connection ends first: the missing answers report that.
    if (!connection.send(JSON.stringify({ op: 'publish', id: at + 1, topic, ...data })))
      await connection.drained().catch(() => undefined);
  }
  return failures;
}

async function readAnswers(
  connection: Connection,
  count: number,
  waitMs: number,
  accepted: (answer: Accepted) => void,
): Promise<string[]> {
  const open = new Set(Array.from({ length: count }, (_, at) => at + 1));
  const failures: string[] = [];
  const timer = setTimeout(() => connection.close(), waitMs).unref();
  for await (const message of connection) {
    const { op, id, code, message: why, epoch, offset } = frameOf(message);
    if (typeof id !== 'number' || (op !== 'ok' && op !== 'error') || !open.delete(id)) continue;
    if (op === 'error') failures.push(`the server refused message ${id}: ${String(code)}: ${String(why)}`);
    else if (typeof epoch === 'string' && typeof offset === 'number')
      accepted({ number: id, position: { epoch, offset } });
    else accepted({ number: id, position: undefined });
    if (open.size === 0) break;
  }
  clearTimeout(timer);
  for (const number of open)
    failures.push(`the server did not answer message ${number}, which may have been published`);
  return failures;
}

/** The frame of a message; one without fields if it is not a frame of `hawser.v1`. */
function frameOf(message: Message): Frame {
  if (typeof message !== 'string') return {};
  try {
    const frame: unknown = JSON.parse(message);
    return typeof frame === 'object' && frame !== null ? (frame as Frame) : {};
  } catch {
    return {};
  }
}
