/**
 * Describes the public members of an implementation of `ws`: name by name, what kind of property each is. Uses nothing but its
 * argument, so that its text can be run anywhere, in Jest too.
 */
export function surfaceOf(WebSocket: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  const skipped = ['constructor', 'length', 'name', 'prototype'];
  const seen: unknown[] = [];
  const walk = (path: string, holder: object): void => {
    if (seen.includes(holder)) return;
    seen.push(holder);
    for (const name of Object.getOwnPropertyNames(holder)) {
      if (skipped.includes(name) || name.startsWith('_')) continue;
      const property = Object.getOwnPropertyDescriptor(holder, name)!;
      const { enumerable, writable, value } = property;
      const [reads, writes] = [property.get !== undefined, property.set !== undefined];
      const called = typeof value === 'function' ? ` of ${(value as () => void).length} arguments` : '';
      const constant = typeof value === 'number' ? ` ${value}` : '';
      found[`${path}.${name}`] = [
        enumerable === true ? 'enumerable' : 'hidden',
        ...(reads ? ['getter'] : []),
        ...(writes ? ['setter'] : []),
        ...(reads || writes ? [] : [writable === true ? 'writable' : 'fixed']),
        `${typeof value}${called}${constant}`,
      ].join(' ');
      if (typeof value === 'object' && value !== null) walk(`${path}.${name}`, value as object);
      if (typeof value !== 'function') continue;
      const { prototype } = value as { prototype?: object };
      walk(`${path}.${name}`, value as object);
      if (prototype !== undefined) walk(`${path}.${name}.prototype`, prototype);
    }
  };
  const Class = WebSocket as new (address: null, protocols: undefined, options: object) => object;
  walk('WebSocket', Class);
  walk('WebSocket.prototype', Class.prototype as object);
  const { WebSocketServer } = WebSocket as { WebSocketServer: new (options: object) => { options: object } };
  const { options } = new WebSocketServer({ noServer: true });
  for (const [name, value] of Object.entries(options))
    found[`options.${name}`] = typeof value === 'function' ? 'function' : JSON.stringify(value);
  return found;
}
