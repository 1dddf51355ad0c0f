/** What Node keeps of the options of an HTTP/2 server, under a symbol. There is no public way to read them. */
interface Http2Options {
  readonly allowHTTP1?: boolean;
  readonly settings?: { readonly enableConnectProtocol?: boolean };
}

/**
 * Whether clients of an HTTP/2 server can open WebSockets: by extended CONNECT, or by an upgrade of HTTP/1.1.
 * @returns `true` also if the runtime keeps the options elsewhere: then the clients will tell.
 */
export function admitsWebSocket(server: object): boolean {
  const symbol = Object.getOwnPropertySymbols(server).find(({ description }) => description === 'options');
  if (symbol === undefined) return true;
  const options = Reflect.get(server, symbol) as Http2Options | undefined;
  return options?.allowHTTP1 === true || options?.settings?.enableConnectProtocol === true;
}
