import type { ConnectionEvents } from './connection-events.ts';
import { nearestName } from '../options/nearest-name.ts';
import type { Warnings } from './warnings.ts';

/** The events of one class, and their names in other libraries. */
export interface EventNames {
  /** Completes "there is no event 'x' of …". */
  readonly of: string;
  readonly known: ReadonlySet<string>;
  /** Hints that end the sentence, by the foreign name. */
  readonly foreign: ReadonlyMap<string, string>;
}

/** @param known Every event; a missing one does not compile. */
export const eventNames = <Events>(
  of: string,
  known: Readonly<Record<keyof Events & string, true>>,
  foreign: Readonly<Record<string, string>>,
): EventNames => ({
  of,
  known: new Set([...Object.keys(known), 'newListener', 'removeListener']),
  foreign: new Map(Object.entries(foreign)),
});

export const CONNECTION_EVENTS: EventNames = eventNames<ConnectionEvents>(
  'a connection',
  {
    message: true,
    drain: true,
    close: true,
    error: true,
    ping: true,
    pong: true,
    stateChange: true,
    dropped: true,
    expiring: true,
  },
  {
    open: 'a connection is open when you get it',
    connect: 'a connection is open when you get it',
    connection: "it is an event of the server: server.on('connection', …)",
    data: "listen to 'message'",
    disconnect: "listen to 'close'",
    disconnecting: "listen to 'close'",
    end: "listen to 'close'",
    finish: "listen to 'close'",
    'unexpected-response': 'connect() rejects with a ConnectError, which has status and body',
    redirect: 'connect() rejects with ERR_REDIRECT, or follows up to maxRedirects',
  },
);

/** Warns, once for each name, of a listener that the library never calls: only the application can emit that event. */
export function checkEventName(name: string | symbol, events: EventNames, warnings: Warnings): void {
  if (typeof name !== 'string' || events.known.has(name)) return;
  const nearest = nearestName(name, [...events.known]);
  const hint =
    events.foreign.get(name) ?? (nearest === undefined ? undefined : `the nearest is '${nearest}'`);
  const shown = JSON.stringify(name.slice(0, 64));
  warnings.mistake(
    'HAWSER_EVENT',
    `event ${events.of} ${shown}`,
    `there is no event ${shown} of ${events.of}${hint === undefined ? '' : `; ${hint}`}`,
  );
}

/**
 * Gives a prototype a setter for each handler property of other libraries, such as `onmessage`. Assigning a function
 * warns once. After that the property is an ordinary property of that object, which the library never reads.
 * @param fixes What to write instead, by property.
 * @param warningsOf Returns the warnings of an object; `undefined` for an object of another class.
 */
export function warnOfHandlerProperties<Self extends object>(
  prototype: Self,
  of: string,
  fixes: Readonly<Record<string, string>>,
  warningsOf: (self: Self) => Warnings | undefined,
): void {
  for (const [name, fix] of Object.entries(fixes)) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get: () => undefined,
      set(this: Self, value: unknown) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
        if (typeof value !== 'function') return;
        warningsOf(this)?.mistake(
          'HAWSER_EVENT',
          `${of}.${name}`,
          `${of}.${name} is never called; write ${fix}`,
        );
      },
    });
  }
}
