export {
  createWebSocketStream,
  default,
  extension,
  Sender,
  subprotocol,
  WebSocket,
  WebSocketServer,
} from 'hawser/ws';
