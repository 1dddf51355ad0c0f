// Requests and replies over one connection, in both directions, with validation. The server answers `price`; a client answers
// `confirm` when the server asks. Run it without arguments: it starts a server, asks it, and ends.
import process from 'node:process';
import { type StandardSchema, WebSocketServer } from 'hawser';
import { OperationError, ReconnectingClient } from 'hawser/client';

interface Item {
  readonly sku: number;
  readonly count: number;
}

/** A Standard Schema by hand. One of zod does the same: `z.object({ sku: z.int().min(1), count: z.int().min(1).max(99) })`. */
const ITEM: StandardSchema<Item> = {
  '~standard': {
    validate: (value) => {
      const { sku, count } = { ...(value as Partial<Item> | null) };
      const isCount = (number: unknown): number is number =>
        Number.isInteger(number) && (number as number) > 0;
      if (!isCount(sku)) return { issues: [{ message: 'sku must be a number' }] };
      if (!isCount(count) || count > 99) return { issues: [{ message: 'count must be 1 to 99' }] };
      return { value: { sku, count } };
    },
  },
};

const server = new WebSocketServer({ protocols: ['hawser.v1'] });
// The data is checked before the handler sees it.
server.handle('price', (_, { sku, count }: Item) => ({ cents: (sku % 1_000) * count }), { schema: ITEM });
server.handle(
  'order',
  async (connection, item: Item) => {
    // The server asks the client that asks it.
    const isConfirmed = await connection.request('confirm', `order ${item.count} of ${item.sku}?`);
    return isConfirmed === true ? 'ordered' : 'not ordered';
  },
  { schema: ITEM },
);
const { port } = await server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');

const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
client.handle('confirm', (question: string) => {
  console.log(`the server asks: ${question}`);
  return true;
});
console.log('price:', await client.request('price', { sku: 4_711, count: 2 }, { timeoutMs: 2_000 }));
console.log('order:', await client.request('order', { sku: 4_711, count: 2 }));
for (const [name, data] of [
  ['price', { sku: 4_711, count: 100 }],
  ['discount', 10],
] as const) {
  try {
    await client.request(name, data);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    console.log(`${name}: ${error.code} (${error.message}), ${String(error.outcome)}`);
  }
}
client.close();
await client.closed;
await server.shutdown();
