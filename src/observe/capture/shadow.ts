/** Called around a method of one object. It must not throw. */
export interface Around<Args extends unknown[]> {
  before?(...args: Args): void;
  after?(...args: Args): void;
}

const AROUND = Symbol('around');
type Method = (...args: never[]) => unknown;
type Shadowed<Args extends unknown[]> = ((...args: Args) => unknown) & {
  [AROUND]: readonly Around<Args>[];
};
type MethodName<T> = { [Name in keyof T]: T[Name] extends Method ? Name : never }[keyof T];
type ArgsOf<M> = M extends (...args: infer Args) => unknown ? Args : never;

/**
 * Watches the calls of a method of one object. The object gets a property of its own in place of the inherited method, so other
 * objects of its class are unaffected. When the last watcher leaves, the property is deleted again.
 * @returns A function that ends watching; further calls do nothing.
 */
export function watchCalls<T extends object, Name extends MethodName<T>>(
  object: T,
  name: Name,
  around: Around<ArgsOf<T[Name]>>,
): () => void {
  type Args = ArgsOf<T[Name]>;
  const own = Object.hasOwn(object, name) ? (object[name] as unknown as Partial<Shadowed<Args>>) : undefined;
  const shadowed = own?.[AROUND] === undefined ? shadow<Args>(object, name) : (own as Shadowed<Args>);
  shadowed[AROUND] = [...shadowed[AROUND], around];
  return () => {
    shadowed[AROUND] = shadowed[AROUND].filter((one) => one !== around);
    if (shadowed[AROUND].length === 0 && (object[name] as unknown) === shadowed)
      Reflect.deleteProperty(object, name);
  };
}

function shadow<Args extends unknown[]>(object: object, name: PropertyKey): Shadowed<Args> {
  const inherited = Reflect.get(object, name) as (...args: Args) => unknown;
  const shadowed: Shadowed<Args> = Object.assign(
    function (this: unknown, ...args: Args): unknown {
      const watchers = shadowed[AROUND];
      for (const watcher of watchers) watcher.before?.(...args);
      try {
        return inherited.apply(this, args);
      } finally {
        for (const watcher of watchers) watcher.after?.(...args);
      }
    },
    { [AROUND]: [] },
  );
  Reflect.set(object, name, shadowed);
  return shadowed;
}
