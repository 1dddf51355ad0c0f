// Comes before a program from a guide, and lies to it about the network, so that it runs as it is printed: the port it wants
// to listen on is a free one, of which the parent is told, and the hosts and ports it wants to reach are those of the parent.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import process from 'node:process';

type Call = (this: unknown, ...args: unknown[]) => unknown;
interface Where {
  port?: number;
  host?: string;
}

/** Ports as the program has them, and as they are. */
const ports = JSON.parse(process.env['HAWSER_DOCS_PORTS'] ?? '{}') as Readonly<Record<string, number>>;
/** The port that guides print: somebody may have it. */
const PRINTED = 8_080;

const listen = Reflect.get(net.Server.prototype, 'listen') as Call;
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
  const [first] = args;
  const where = typeof first === 'object' ? (first as Where) : undefined;
  if ((where?.port ?? first) !== PRINTED) return listen.apply(this, args);
  this.once('listening', () => process.send?.({ port: (this.address() as net.AddressInfo).port }));
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
