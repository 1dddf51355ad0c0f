import type { Connection } from '../connection/connection.ts';
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
  sender: Connection<UserData> | undefined,
): ReadonlySet<string> | string | undefined {
  if (except === undefined) return sender?.id;
  const one = typeof except === 'string' ? except : isConnection(except) ? except.id : undefined;
  if (one !== undefined && sender === undefined) return one;
  const ids = new Set<string>();
  if (sender !== undefined) ids.add(sender.id);
  if (one !== undefined) return ids.add(one);
  for (const member of except as Iterable<Member<UserData>>)
    ids.add(typeof member === 'string' ? member : member.id);
  return ids;
}

// A connection is iterable, too (its messages), so asking for an iterator would not tell.
function isConnection<UserData>(
  value: Connection<UserData> | Iterable<Member<UserData>>,
): value is Connection<UserData> {
  return 'sendPrepared' in value;
}

/**
 * Offers one encoded message to many connections, synchronously: every connection sees broadcasts and sends in the order
 * of the calls. What one recipient does, or does not, changes nothing for the others.
 * @param sender Left out, too.
 * @param failed Told what `where` throws.
 */
export function broadcastTo<UserData>(
  members: Iterable<Member<UserData>>,
  registry: ReadonlyRegistry<Connection<UserData>>,
  message: PreparedMessage,
  options: Audience<Connection<UserData>> | undefined,
  sender: Connection<UserData> | undefined,
  failed: (error: unknown) => void,
): Delivery {
  const except = exceptedIds(options?.except, sender);
  const where = options?.where;
  const delivery = { sent: 0, skipped: 0, failed: 0 };
  for (const member of members) {
    const connection = typeof member === 'string' ? registry.get(member) : member;
    if (connection === undefined || connection.state !== 'open' || isExcepted(connection.id, except)) {
      delivery.skipped++;
      continue;
    }
    if (where !== undefined) {
      try {
        if (!verdictOf('where', where(connection))) {
          delivery.skipped++;
          continue;
        }
      } catch (error) {
        delivery.failed++;
        failed(error);
        continue;
      }
    }
    if (connection.sendPrepared(message)) delivery.sent++;
    else delivery.failed++;
  }
  return delivery;
}

function isExcepted(id: string, except: ReadonlySet<string> | string | undefined): boolean {
  if (except === undefined) return false;
  return typeof except === 'string' ? id === except : except.has(id);
}
