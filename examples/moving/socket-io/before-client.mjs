// The client of before.mjs: node before-client.mjs http://127.0.0.1:8080
import process from 'node:process';
import { io } from 'socket.io-client';

const connected = (name) =>
  new Promise((resolve, reject) => {
    const socket = io(process.argv[2], { auth: { name }, transports: ['websocket'], forceNew: true });
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', (error) => {
      socket.close();
      reject(error);
    });
  });
const once = (socket, event) => new Promise((resolve) => void socket.once(event, (...args) => resolve(args)));

console.log('without a name:', await connected(undefined).catch((error) => error.message));
const ann = await connected('Ann');
const bob = await connected('Bob');
console.log('too early:', await ann.emitWithAck('say', 'hello'));
console.log('Ann joins', await ann.emitWithAck('join', 'harbour'));
const came = once(ann, 'came');
await bob.emitWithAck('join', 'harbour');
console.log('came:', ...(await came));
const said = once(ann, 'said');
console.log('error:', await bob.emitWithAck('say', 'ahoy'));
console.log('said:', ...(await said));
const left = once(ann, 'left');
bob.close();
console.log('left:', ...(await left));
ann.close();
