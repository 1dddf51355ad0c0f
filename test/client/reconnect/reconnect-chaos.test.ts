import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventLoopTurns, seededRandom, VirtualClock, waitUntil } from '../../../src/testing/index.ts';
import { harbour } from './reconnecting.ts';
import { ReconnectingClient } from '../dialling.ts';

/** Relative frequency of each action, in percent. */
const ACTIONS = { send: 60, broadcast: 15, pass: 15, cut: 4, restart: 3, vanish: 3 } as const;

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`RC-04: across random failures of the server no message arrives twice or out of order (seed ${seed})`, async (t) => {
    const random = seededRandom(seed);
    const port = await harbour(t);
    const clock = new VirtualClock();
    const client = new ReconnectingClient(port.url, { clock, random, offlineQueue: { maxMessages: 20 } });
    t.after(async () => {
      client.close();
      await client.closed;
      assert.equal(clock.pendingTimers, 0);
    });
    const came: number[] = [];
    client.on('message', (message) => void came.push(Number(message)));
    let [sent, refused, pushed, isThere] = [0, 0, 0, true];
    const refill = async (): Promise<void> => {
      if (!isThere) await port.comeBack();
      isThere = true;
    };
    const actions: Readonly<Record<keyof typeof ACTIONS, () => unknown>> = {
      send: () => {
        const before = client.droppedMessages;
        if (!client.send(String(sent++)) && client.droppedMessages > before) refused++;
      },
      broadcast: () => isThere && port.server().broadcast(String(pushed++)),
      pass: async () => {
        clock.advance(random.fraction() * 2_000);
        await eventLoopTurns(5);
      },
      cut: () => {
        for (const connection of port.server().connections) connection.terminate();
      },
      restart: async () => {
        if (isThere) await port.leave(1012);
        isThere = false;
        await refill();
      },
      vanish: async () => {
        if (isThere) await port.leave(1001);
        isThere = false;
      },
    };
    for (let step = 0; step < 600; step++) {
      let at = random.fraction() * 100;
      const [, run] = Object.entries(actions).find(
        ([name]) => (at -= ACTIONS[name as keyof typeof ACTIONS]) < 0,
      )!;
      await run();
      if (!isThere && random.fraction() < 0.1) await refill();
      if (random.fraction() < 0.3) await eventLoopTurns(2);
    }
    await refill();
    await waitUntil(async () => {
      clock.advance(500);
      await eventLoopTurns(3);
      return client.state === 'open' && client.queuedMessages === 0;
    });
    client.send('last');
    await waitUntil(() => port.received.at(-1) === 'last');
    const received = port.received.slice(0, -1).map(Number);
    for (const list of [received, came]) {
      for (let i = 1; i < list.length; i++)
        assert.ok(list[i - 1]! < list[i]!, `${list[i - 1]} before ${list[i]}`);
    }
    assert.ok(received.length > 10, `${received.length} of ${sent}`);
    assert.ok(received.length + refused <= sent);
  });
}
