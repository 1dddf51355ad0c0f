import { jsonLine } from './json.ts';
import type { Connection, Message } from '../index.ts';
import { printableUrl } from '../protocol/index.ts';
import type { CommandIo } from './command.ts';

/** Prints an event of a connection as a line of JSON. */
export type PrintEvent = (event: string, fields: Readonly<Record<string, unknown>>) => void;

export function eventPrinter(io: Pick<CommandIo, 'out'>): PrintEvent {
  return (event, fields) => io.out(jsonLine({ event, time: new Date().toISOString(), ...fields }));
}

/** The fields of a message: text unchanged, binary as hex. */
export function messageFields(message: Message): Readonly<Record<string, unknown>> {
  return typeof message === 'string'
    ? { type: 'text', bytes: Buffer.byteLength(message), data: message }
    : { type: 'binary', bytes: message.length, hex: message.toString('hex') };
}

/** Prints every event of a connection except its messages. */
export function printConnectionEvents(connection: Connection, url: string, print: PrintEvent): void {
  const { protocol, extensions, remoteAddress, remotePort } = connection;
  print('open', { url: printableUrl(url), protocol, extensions, remoteAddress, remotePort });
  connection.on('ping', (payload) => print('ping', { hex: payload.toString('hex') }));
  connection.on('pong', (payload) =>
    print('pong', { hex: payload.toString('hex'), rttMs: connection.rttMs ?? null }),
  );
  connection.on('close', ({ code, reason, wasClean, initiator, sentCode, cause, error }) => {
    const fault = error?.code ?? null;
    print('close', { code, reason, wasClean, initiator, sentCode: sentCode ?? null, cause, error: fault });
  });
}
