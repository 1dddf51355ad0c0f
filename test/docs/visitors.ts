import type { TestContext } from 'node:test';
import { type Connection, connect, type ConnectOptions, type Message } from '../../src/index.ts';
import { RawClient, type RawUpgradeOptions } from '../../src/testing/index.ts';

/** A client of a program that runs; gone with the test. */
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

/** Status with which somebody is answered. */
export async function statusOf(port: number, headers: RawUpgradeOptions['headers'] = {}): Promise<number> {
  using client = await RawClient.connect({ port });
  return (await client.upgrade({ headers })).status;
}

/** The next message of a connection that nobody else reads; `undefined` if it ends before. */
export const messages = (connection: Connection): (() => Promise<Message | undefined>) => {
  const iterator = connection[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    return done === true ? undefined : value;
  };
};
