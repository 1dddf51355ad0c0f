export { createWebSocketStream, default, Sender, WebSocket, WebSocketServer } from 'hawser/ws';
