// An application writes 'hawser/ws'. Here it is the build of this checkout, or, to prove that the tests notice, empty classes.
import process from 'node:process';
import * as door from '../../../../build/package/ws.js';

const isEmpty = process.env.EMPTY_WS === '1';
function Empty() {}
export const WebSocket = isEmpty ? Empty : door.WebSocket;
export const WebSocketServer = isEmpty ? Empty : door.WebSocketServer;
export const createWebSocketStream = isEmpty ? Empty : door.createWebSocketStream;
export const Sender = isEmpty ? Empty : door.Sender;
export const extension = isEmpty ? Empty : door.extension;
export const subprotocol = isEmpty ? Empty : door.subprotocol;
export default WebSocket;
