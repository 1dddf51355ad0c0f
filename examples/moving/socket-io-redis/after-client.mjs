// Two clients of after.mjs at two servers: node after-client.mjs ws://127.0.0.1:8080 ws://127.0.0.1:8081
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReconnectingClient } from 'hawser/client';

const [first, second] = process.argv.slice(2);
const connected = async (url) => {
  const client = new ReconnectingClient(url, { protocols: ['hawser.v1'], maxFirstDelayMs: 300 });
  const room = client.topic('room:harbour'); // joins again after each reconnect
  await room.subscribed();
  return { client, room };
};
const ann = await connected(first);
const ben = await connected(second);
// Other servers learn of a member a moment later.
let count = 0;
for (; count < 2; await sleep(20)) ({ count } = await ann.room.presence());
console.log('members:', count);
const said = once(ben.room, 'message');
await ann.room.publish('ahoy');
console.log('ben got:', (await said)[0]);

// ben's connection breaks, and ann says something before ben is back.
const missed = once(ben.room, 'message');
ben.client.connection.terminate();
await ann.room.publish('are you there?');
console.log('ben got:', (await missed)[0]);
const next = once(ben.room, 'message');
await ann.room.publish('welcome back');
console.log('ben got:', (await next)[0]);
ann.client.close();
ben.client.close();
