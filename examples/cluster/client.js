// A client of node.js: node client.js ws://127.0.0.1:8080 harbour [name]. It prints every message of the room. With a name it
// publishes name-1, name-2 and so on until SIGTERM, and prints what became of each. It needs no code for a deploy: it connects
// again, at another node, and continues after the last message that it got.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReconnectingClient } from 'hawser/client';

const [url = 'ws://127.0.0.1:8080', room = 'harbour', name] = process.argv.slice(2);
const { SPREAD_MS = '5000', PACE_MS = '20' } = process.env;

const client = new ReconnectingClient(url, {
  protocols: ['hawser.v1'],
  maxFirstDelayMs: Number(SPREAD_MS), // all clients of a node return within this time
});
const topic = client.topic(`room:${room}`);
topic.on('message', (text, { offset }) => console.log('message', offset, text));
topic.on('recovered', ({ missed }) => console.log(`recovered ${missed}`));
topic.on('lost', () => console.log('lost')); // messages are gone: a page would load its state again here
topic.on('error', (error) => console.error(error.message));
client.on('down', ({ close }) => console.log(`down ${close.code} ${close.reason}`));

const stop = new AbortController();
process.once('SIGTERM', () => {
  stop.abort();
  if (name === undefined) client.close();
});

await topic.subscribed();
console.log('subscribed');
if (name !== undefined) {
  for (let n = 1; !stop.signal.aborted; n++) {
    try {
      const { position } = await topic.publish(`${name}-${n}`);
      console.log(`published ${name}-${n} at ${position.offset}`);
    } catch (error) {
      // `not-published`: publish again. `unknown`: the connection ended before the answer, and the message may have arrived. If
      // it must arrive, publish it again with the same id inside, and let receivers drop an id that they know.
      console.log(`${error.outcome} ${name}-${n}`);
    }
    await sleep(Number(PACE_MS));
  }
  client.close();
}
await client.closed;
