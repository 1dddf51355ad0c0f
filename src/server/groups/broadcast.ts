import { type Connection, driverIn, type DriverOf } from '../../connection/connection.ts';
import type { Delivery } from '../../connection/owner.ts';
import { MEMBERS, type Audience } from '../../options/call-options.ts';
import { refuseOption } from '../../options/option-check.ts';
import type { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import { verdictOf } from '../../options/call-check.ts';
import type { ReadonlyRegistry } from './registry.ts';

/** Recipients and encoding of a broadcast. */
export interface BroadcastOptions<UserData = unknown> extends Audience<Connection<UserData>> {
  /** Recipients: a connection, an id, or several. Default: all connections of the server. */
  readonly to?: Connection<UserData> | string | Iterable<Connection<UserData> | string> | undefined;
  /** `false` sends bytes as text, `true` sends a string as binary. Default: by type. */
  readonly binary?: boolean | undefined;
  /** Whether to compress, once, for recipients that negotiated compression. Default: from `thresholdBytes` on. */
  readonly compress?: boolean | undefined;
  /** As for `Connection.send`. */
  readonly key?: string | undefined;
}

type Member<UserData> = Connection<UserData> | string;

/**
 * Visits the connections that an option lists: a connection, an id, or an iterable of both.
 * @param name `to` or `except`, for the error message.
 * @throws MisuseError `ERR_OPTION` for a member that is neither a connection nor an id.
 */
function eachMember<UserData>(
  name: string,
  given: Connection<UserData> | string | Iterable<Member<UserData>>,
  visit: (id: string | undefined, driver: DriverOf<UserData> | undefined) => void,
): void {
  if (typeof given === 'string') {
    visit(given, undefined);
    return;
  }
  // Before the check for an iterable: a connection is one, too (its messages).
  const one = driverIn<UserData>(given);
  if (one !== undefined) {
    visit(undefined, one);
    return;
  }
  if (!(Symbol.iterator in given)) refuseOption(name, given, MEMBERS.allowed);
  let at = 0;
  for (const member of given) {
    const driver = typeof member === 'object' && member !== null ? driverIn<UserData>(member) : undefined;
    if (typeof member !== 'string' && driver === undefined)
      refuseOption(`${name}[${at}]`, member, 'a connection or an id');
    visit(typeof member === 'string' ? member : undefined, driver);
    at++;
  }
}

/** Ids of connections: none, one, or several. */
export type ConnectionIds = ReadonlySet<string> | string | undefined;

/** Counts of a message without recipients. */
export const NO_RECIPIENTS: Delivery = Object.freeze({ sent: 0, skipped: 0, failed: 0 });

/**
 * The ids of the sender and of the connections that option `except` names.
 * @throws MisuseError `ERR_OPTION` for a member that is neither a connection nor an id.
 */
export function exceptedIds<UserData>(
  except: Audience<Connection<UserData>>['except'],
  sender: string | undefined,
): ConnectionIds {
  if (except === undefined) return sender;
  if (typeof except === 'string' && sender === undefined) return except;
  let only = sender;
  let ids: Set<string> | undefined;
  eachMember<UserData>('except', except, (id, driver) => {
    const next = id ?? driver!.id;
    if (only === undefined) only = next;
    else (ids ??= new Set([only])).add(next);
  });
  return ids ?? only;
}

/**
 * The drivers of the connections that option `to` lists, each once; `undefined` for an unknown id.
 * @throws MisuseError `ERR_OPTION` for a member that is neither a connection nor an id; then no recipient gets the message.
 */
export function driversOf<UserData>(
  to: NonNullable<BroadcastOptions<UserData>['to']>,
  registry: ReadonlyRegistry<DriverOf<UserData>>,
): readonly (DriverOf<UserData> | undefined)[] {
  const drivers: (DriverOf<UserData> | undefined)[] = [];
  const seen = new Set<DriverOf<UserData>>();
  eachMember<UserData>('to', to, (id, driver) => {
    const found = id === undefined ? driver : registry.get(id);
    if (found === undefined || seen.size < seen.add(found).size) drivers.push(found);
  });
  return drivers;
}

/**
 * Sends one encoded message to many connections, synchronously: every connection sees broadcasts and sends in the order
 * of the calls. A recipient that fails does not affect the others.
 * @param drivers Drivers of the recipients; `undefined` for an unknown id.
 * @param except Ids of recipients to skip.
 * @param where Asked last, and only for open connections.
 * @param failed Called with what `where` throws.
 */
export function broadcastTo<UserData>(
  drivers: Iterable<DriverOf<UserData> | undefined>,
  message: PreparedMessage,
  except: ConnectionIds,
  where: Audience<Connection<UserData>>['where'],
  failed: (error: unknown) => void,
): Delivery {
  const delivery = { sent: 0, skipped: 0, failed: 0 };
  // Two loops: one loop over lists and sets takes 5 times as long for a set.
  if (Array.isArray(drivers)) {
    const list = drivers as readonly (DriverOf<UserData> | undefined)[];
    for (let i = 0; i < list.length; i++) offer(delivery, list[i], message, except, where, failed);
  } else for (const driver of drivers) offer(delivery, driver, message, except, where, failed);
  return delivery;
}

/**
 * As {@link broadcastTo}, for recipients that do not all get the same bytes.
 * @param send Sends to one recipient. @returns Whether it was accepted.
 */
export function deliverTo<UserData>(
  drivers: Iterable<DriverOf<UserData> | undefined>,
  send: (driver: DriverOf<UserData>) => boolean,
  except: ConnectionIds,
  where: Audience<Connection<UserData>>['where'],
  failed: (error: unknown) => void,
): Delivery {
  const delivery = { sent: 0, skipped: 0, failed: 0 };
  for (const driver of drivers) {
    if (!isChosen(delivery, driver, except, where, failed)) continue;
    if (send(driver)) delivery.sent++;
    else delivery.failed++;
  }
  return delivery;
}

type Counts = { sent: number; skipped: number; failed: number };

/** Sends the message to one recipient and counts the result. */
function offer<UserData>(
  delivery: Counts,
  driver: DriverOf<UserData> | undefined,
  message: PreparedMessage,
  except: ConnectionIds,
  where: Audience<Connection<UserData>>['where'],
  failed: (error: unknown) => void,
): void {
  if (!isChosen(delivery, driver, except, where, failed)) return;
  if (driver.sendPrepared(message)) delivery.sent++;
  else delivery.failed++;
}

/** Whether a recipient gets the message; counts it if not. */
function isChosen<UserData>(
  delivery: Counts,
  driver: DriverOf<UserData> | undefined,
  except: ConnectionIds,
  where: Audience<Connection<UserData>>['where'],
  failed: (error: unknown) => void,
): driver is DriverOf<UserData> {
  if (driver === undefined || driver.state !== 'open' || isExcepted(driver.id, except)) {
    delivery.skipped++;
    return false;
  }
  if (where !== undefined) {
    try {
      if (!verdictOf('where', where(driver.connection))) {
        delivery.skipped++;
        return false;
      }
    } catch (error) {
      delivery.failed++;
      failed(error);
      return false;
    }
  }
  return true;
}

function isExcepted(id: string, except: ConnectionIds): boolean {
  if (except === undefined) return false;
  return typeof except === 'string' ? id === except : except.has(id);
}
