import assert from 'node:assert/strict';
import { RawClient, text } from '../../src/testing/index.ts';

export type Frame = Readonly<Record<string, unknown>>;

/** A client of hawser.v1 that sends and receives frames as they are. */
export interface V1Client {
  readonly raw: RawClient;
  /** Sends a frame. */
  readonly send: (frame: Frame) => void;
  /** Resolves with the next frame of the server. */
  readonly next: () => Promise<Frame>;
  /** Sends a frame with an id, and resolves with the next frame. */
  readonly ask: (op: string, fields?: Frame) => Promise<Frame>;
}

/** Clients of the running test. */
const clients: RawClient[] = [];

/** Cuts the connections of all clients. Call it before the shutdown of the server, which would wait for them. */
export function cutClients(): void {
  for (const client of clients.splice(0)) client[Symbol.dispose]();
}

/** Connects. {@link cutClients} ends the connection. */
export async function v1Client({ port }: { readonly port: number }): Promise<V1Client> {
  const raw = await RawClient.connect({ port });
  clients.push(raw);
  assert.equal((await raw.upgrade({ protocols: ['hawser.v1'] })).status, 101);
  const next = async (): Promise<Frame> => JSON.parse((await raw.nextFrame()).payload.toString()) as Frame;
  const send = (frame: Frame): void => raw.send(text(JSON.stringify(frame)));
  let ids = 0;
  assert.equal((await next())['op'], 'hello');
  return {
    raw,
    send,
    next,
    ask: (op, fields = {}) => {
      send({ op, id: ++ids, ...fields });
      return next();
    },
  };
}
