import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startExample } from './run-example.ts';

test('EX-01 HI-09 request-reply: both sides ask each other, and invalid data does not reach the handler', async (t) => {
  const { output, exit } = startExample(t, 'request-reply.ts');
  assert.deepEqual(await exit, [0, null]);
  assert.equal(
    output(),
    `price: { cents: 1422 }
the server asks: order 2 of 4711?
order: ordered
price: invalid (count must be 1 to 99), not-sent
discount: no-handler (there is no handler of this name), not-sent
`,
  );
});
