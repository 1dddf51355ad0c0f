import { type Connection, driverIn, type DriverOf } from '../connection/connection.ts';
import type { Audience, Delivery } from '../connection/host.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import type { ReadonlyRegistry } from './registry.ts';
import { verdictOf } from './verdict.ts';

/** Who a broadcast is for, and how it goes out. */
export interface BroadcastOptions<UserData = unknown> extends Audience<Connection<UserData>> {
  /** Connections or ids. Default: all connections of the server. */
  readonly to?: Iterable<Connection<UserData> | string> | undefined;
  /** `false` sends bytes as text, `true` a string as binary. Default: by type. */
  readonly binary?: boolean | undefined;
  /** Whether it goes out compressed, to those that have agreed on it: once for all of them. Default: from `thresholdBytes` on. */
  readonly compress?: boolean | undefined;
}

type Member<UserData> = Connection<UserData> | string;

function exceptedIds<UserData>(
  except: BroadcastOptions<UserData>['except'],
  sender: string | undefined,
): ReadonlySet<string> | string | undefined {
  if (except === undefined) return sender;
  // A connection is iterable, too (its messages), so its driver is asked for first.
  const one = typeof except === 'string' ? except : driverIn(except)?.id;
  if (one !== undefined && sender === undefined) return one;
  const ids = new Set<string>();
  if (sender !== undefined) ids.add(sender);
  if (one !== undefined) return ids.add(one);
  for (const member of except as Iterable<Member<UserData>>)
    ids.add(typeof member === 'string' ? member : member.id);
  return ids;
}

/** The drivers of those that option `to` names; `undefined` for one that is unknown. */
export function* driversOf<UserData>(
  to: Iterable<Member<UserData>>,
  registry: ReadonlyRegistry<DriverOf<UserData>>,
): Iterable<DriverOf<UserData> | undefined> {
  for (const member of to) yield typeof member === 'string' ? registry.get(member) : driverIn(member);
}

/**
 * Offers one encoded message to many connections, synchronously: every connection sees broadcasts and sends in the order
 * of the calls. What one recipient does, or does not, changes nothing for the others.
 * @param drivers Of the recipients; `undefined` for one that is unknown.
 * @param sender Left out, too: its id.
 * @param failed Told what `where` throws.
 */
export function broadcastTo<UserData>(
  drivers: Iterable<DriverOf<UserData> | undefined>,
  message: PreparedMessage,
  options: Audience<Connection<UserData>> | undefined,
  sender: string | undefined,
  failed: (error: unknown) => void,
): Delivery {
  const except = exceptedIds(options?.except, sender);
  const where = options?.where;
  const delivery = { sent: 0, skipped: 0, failed: 0 };
  for (const driver of drivers) {
    if (driver === undefined || driver.state !== 'open' || isExcepted(driver.id, except)) {
      delivery.skipped++;
      continue;
    }
    if (where !== undefined) {
      try {
        if (!verdictOf('where', where(driver.connection))) {
          delivery.skipped++;
          continue;
        }
      } catch (error) {
        delivery.failed++;
        failed(error);
        continue;
      }
    }
    if (driver.sendPrepared(message)) delivery.sent++;
    else delivery.failed++;
  }
  return delivery;
}

function isExcepted(id: string, except: ReadonlySet<string> | string | undefined): boolean {
  if (except === undefined) return false;
  return typeof except === 'string' ? id === except : except.has(id);
}
