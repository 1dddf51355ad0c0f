function Empty() {}
Object.assign(Empty, { WebSocket: Empty, Server: Empty, WebSocketServer: Empty });
module.exports = process.env.EMPTY_WS === '1' ? Empty : require('../../../../build/package/ws.cjs');
