import type { Buffer } from 'node:buffer';
import { Duplex, type DuplexOptions } from 'node:stream';
import type { RawData } from './events.ts';
import { DRIVER, type WebSocket } from './websocket.ts';
import { nextTick } from './ticks.ts';

/**
 * Wraps a connection in a stream: a chunk is a message, and back-pressure works both ways. Destroying the stream destroys the
 * connection, and ending it closes the connection.
 * @param options Of the `Duplex`. `readableObjectMode: true` gives text as strings.
 */
export function createWebSocketStream(ws: WebSocket, options?: DuplexOptions): Duplex {
  /** After an error the connection ends by itself, so that the peer gets its Close. */
  let terminates = true;
  const emitClose = (): void => nextTick(() => stream.emit('close'));
  const stream = new Duplex({
    ...options,
    autoDestroy: false,
    emitClose: false,
    objectMode: false,
    writableObjectMode: false,
    read() {
      if (ws.isPaused) ws.resume();
    },
    write(chunk: Buffer, _encoding, callback) {
      const send = (): void => ws.send(chunk, callback);
      if (ws.readyState === ws.CONNECTING) ws.once('open', send);
      else send();
    },
    final(callback) {
      if (ws.readyState === ws.CONNECTING) ws.once('open', () => end(callback));
      else end(callback);
    },
    destroy(error, callback) {
      if (ws.readyState === ws.CLOSED) {
        callback(error);
        emitClose();
        return;
      }
      let isCalled = false;
      ws.once('error', (fault) => {
        isCalled = true;
        callback(fault);
      });
      ws.once('close', () => {
        if (!isCalled) callback(error);
        emitClose();
      });
      if (terminates) ws.terminate();
    },
  });
  const end = (callback: () => void): void => {
    const { socket } = ws[DRIVER];
    // The handshake has failed: the error that follows destroys the stream.
    if (socket === null) return;
    if (socket.writableFinished) {
      callback();
      if (stream.readableEnded) stream.destroy();
      return;
    }
    socket.once('finish', callback);
    ws.close();
  };
  ws.on('message', (data: RawData, isBinary: boolean) => {
    const chunk: unknown = !isBinary && stream.readableObjectMode ? (data as Buffer).toString() : data;
    if (!stream.push(chunk)) ws.pause();
  });
  ws.once('error', (error) => {
    if (stream.destroyed) return;
    terminates = false;
    stream.destroy(error);
  });
  ws.once('close', () => {
    if (!stream.destroyed) stream.push(null);
  });
  stream.on('end', () => {
    if (!stream.destroyed && stream.writableFinished) stream.destroy();
  });
  const onError = (error: Error): void => {
    stream.off('error', onError);
    stream.destroy();
    // Without another listener, the error is thrown as it would be without this one.
    if (stream.listenerCount('error') === 0) stream.emit('error', error);
  };
  stream.on('error', onError);
  return stream;
}
