// The client of after.mjs: node after-client.mjs http://127.0.0.1:8080. In a browser, its twenty lines work on WebSocket.
import process from 'node:process';
import { connect } from 'hawser/client';

async function connected(name) {
  const query = name === undefined ? '' : `?name=${encodeURIComponent(name)}`;
  const connection = await connect(`${process.argv[2].replace('http', 'ws')}/${query}`);
  const replies = new Map();
  const waiting = new Map();
  let lastId = 0;
  connection.on('message', (text) => {
    const { event, args, reply } = JSON.parse(text);
    const [map, key] = event === undefined ? [replies, reply] : [waiting, event];
    map.get(key)?.(args);
    map.delete(key);
  });
  return {
    once: (event) => new Promise((resolve) => void waiting.set(event, resolve)),
    call: (event, ...args) =>
      new Promise((resolve) => {
        const id = ++lastId;
        replies.set(id, ([value]) => resolve(value));
        connection.send(JSON.stringify({ event, args, id }));
      }),
    close: () => connection.close(),
  };
}

console.log('without a name:', await connected(undefined).catch(({ status }) => status));
const ann = await connected('Ann');
const bob = await connected('Bob');
console.log('too early:', await ann.call('say', 'hello'));
console.log('Ann joins', await ann.call('join', 'harbour'));
const came = ann.once('came');
await bob.call('join', 'harbour');
console.log('came:', ...(await came));
const said = ann.once('said');
console.log('error:', await bob.call('say', 'ahoy'));
console.log('said:', ...(await said));
const left = ann.once('left');
bob.close();
console.log('left:', ...(await left));
ann.close();
