// Two clients of before.mjs at two servers: node before-client.mjs http://127.0.0.1:8080 http://127.0.0.1:8081
import process from 'node:process';
import { io } from 'socket.io-client';

const [first, second] = process.argv.slice(2);
const connected = (url) =>
  new Promise((resolve, reject) => {
    const socket = io(url, { transports: ['websocket'], reconnectionDelay: 300 });
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', reject);
  });
const once = (socket, event) => new Promise((resolve) => void socket.once(event, (...args) => resolve(args)));

const ann = await connected(first);
const ben = await connected(second);
await ann.emitWithAck('join', 'harbour');
await ben.emitWithAck('join', 'harbour');
console.log('members:', await ann.emitWithAck('count', 'harbour'));
const said = once(ben, 'said');
await ann.emitWithAck('say', 'harbour', 'ahoy');
console.log('ben got:', ...(await said));

// ben's connection breaks, and ann says something before ben is back.
const back = once(ben, 'connect');
ben.io.engine.close();
await ann.emitWithAck('say', 'harbour', 'are you there?');
await back;
await ben.emitWithAck('join', 'harbour'); // a room does not outlive the connection
const next = once(ben, 'said');
await ann.emitWithAck('say', 'harbour', 'welcome back');
console.log('ben got:', ...(await next));
ann.close();
ben.close();
