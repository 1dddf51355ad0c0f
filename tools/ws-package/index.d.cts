import WebSocket = require('hawser/ws');
export = WebSocket;
