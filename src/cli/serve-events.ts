import { jsonLine } from './json.ts';
import type { WebSocketServer } from '../index.ts';
import type { CommandIo } from './command.ts';

/** Prints every event of a server as a line of JSON: lengths and types of messages, never their content. */
export function printEvents(server: WebSocketServer, io: CommandIo): void {
  const print = (event: string, fields: Readonly<Record<string, unknown>>): void =>
    io.out(jsonLine({ event, time: new Date().toISOString(), ...fields }));
  server.on('connection', ({ id, remoteAddress, protocol }, { url }) => {
    print('connection', { connectionId: id, remoteAddress, path: url.pathname, protocol });
  });
  server.on('message', ({ id }, message) => {
    const isText = typeof message === 'string';
    const bytes = isText ? Buffer.byteLength(message) : message.length;
    print('message', { connectionId: id, type: isText ? 'text' : 'binary', bytes });
  });
  server.on('close', ({ id }, { code, reason, wasClean, initiator, sentCode, cause, error }) => {
    print('close', {
      connectionId: id,
      code,
      reason,
      wasClean,
      initiator,
      sentCode: sentCode ?? null,
      cause,
      error: error?.code ?? null,
    });
  });
  server.on('refused', ({ status, code, remoteAddress, url }) => {
    print('refused', { status, code, remoteAddress, path: url.split('?', 1)[0] });
  });
  server.on('engineDown', ({ message }) => print('engineDown', { message }));
  server.on('engineUp', (info) => print('engineUp', { ...info }));
  server.on('pressure', (info) => print('pressure', { ...info }));
  server.on('alert', (alert) => print('alert', { ...alert }));
  server.on('shutdownProgress', (progress) => print('shutdownProgress', { ...progress }));
  server.on('error', (error, connection) => {
    print('error', {
      connectionId: connection?.id ?? null,
      code: 'code' in error ? error.code : null,
      message: error.message,
    });
  });
}
