import type { TestContext } from 'node:test';
import { type Connection, connect, type ConnectOptions, type Message } from '../../src/index.ts';
import { RawClient, type RawUpgradeOptions } from '../../src/testing/index.ts';

/** Connects to a running program; the connection is closed after the test. */
export async function visit(
  t: TestContext,
  port: number,
  options: ConnectOptions & { readonly path?: string } = {},
): Promise<Connection> {
  const { path = '/', ...rest } = options;
  const connection = await connect(`ws://127.0.0.1:${port}${path}`, rest);
  t.after(() => connection.terminate());
  return connection;
}

/** The status that an upgrade request gets. */
export async function statusOf(port: number, headers: RawUpgradeOptions['headers'] = {}): Promise<number> {
  using client = await RawClient.connect({ port });
  return (await client.upgrade({ headers })).status;
}

/** Returns a function that resolves with the next message, or with `undefined` if the connection ends first. */
export const messages = (connection: Connection): (() => Promise<Message | undefined>) => {
  const iterator = connection[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    return done === true ? undefined : value;
  };
};
