// Loaded before a program of a guide, so that the program runs unchanged. It replaces the printed listening port by a free port,
// which it reports to the parent, and redirects outgoing connections to hosts and ports of the parent.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import process from 'node:process';

type Call = (this: unknown, ...args: unknown[]) => unknown;
interface Where {
  port?: number;
  host?: string;
}

/** Printed ports, and the real ports that replace them. */
const ports = JSON.parse(process.env['HAWSER_DOCS_PORTS'] ?? '{}') as Readonly<Record<string, number>>;
/** The ports in the guides: of a server, of a second one, and of an operator. Another process may use them. */
const PRINTED: ReadonlySet<unknown> = new Set([8_080, 8_081, 9_090]);

const listen = Reflect.get(net.Server.prototype, 'listen') as Call;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const [first] = args;
  const where = typeof first === 'object' ? (first as Where) : undefined;
  const printed = where?.port ?? first;
  if (!PRINTED.has(printed)) return listen.apply(this, args);
  this.once('listening', () => process.send?.({ printed, port: (this.address() as net.AddressInfo).port }));
  if (where === undefined)
    return listen.apply(this, [0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function')]);
  return listen.call(this, { ...where, port: 0, host: '127.0.0.1' }, ...args.slice(1));
} as typeof net.Server.prototype.listen;

const connect = Reflect.get(net.Socket.prototype, 'connect') as Call;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
  const [first] = args;
  const where = (Array.isArray(first) ? first[0] : first) as Where;
  const port = ports[String(where.port)];
  if (port !== undefined) where.port = port;
  return connect.apply(this, args);
} as typeof net.Socket.prototype.connect;

const lookup = dns.lookup as unknown as Call;
dns.lookup = function (this: unknown, host: string, ...rest: unknown[]) {
  return lookup.call(this, host.endsWith('.example') ? '127.0.0.1' : host, ...rest);
} as typeof dns.lookup;
syncBuiltinESMExports();
