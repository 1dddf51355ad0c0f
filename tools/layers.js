// The layers of src/ and what each layer may use, as plain data. `oxlint.config.js` turns it into lint rules, so `npm run lint`
// fails on a violation. `test/architecture.test.ts` plants one violation of each rule and runs the linter on it.

const CORE = ['protocol', 'engine', 'sockets', 'options', 'connection'];
/** Layers refer to observers by interface only, except servers and clients: every layer above the protocol may import their types. */
const OBSERVER = 'type observe';
/** The public entry points. The CLI, the load generator and the conformance suite use nothing else, so users can do the same. */
const ENTRY_POINTS = ['index.ts', 'client/index.ts', 'protocol/index.ts', 'testing/index.ts'];

/**
 * Which layers a layer may import, besides itself. An entry is a folder of src/, `type` and a folder (types only), or one file.
 * Files directly in src/ are the layer `.`.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const LAYERS = {
  protocol: [],
  engine: ['protocol', OBSERVER],
  sockets: ['protocol', 'engine', OBSERVER],
  // Hooks get a connection, and an option takes an engine: both by type.
  options: ['protocol', 'engine', 'sockets', OBSERVER, 'type connection', 'type cluster'],
  connection: ['protocol', 'engine', 'sockets', 'options', OBSERVER],
  streams: CORE,
  channels: CORE,
  breaker: CORE,
  observe: [...CORE, 'type server', 'type breaker'],
  // Loads cluster/ only when an option needs it.
  server: [...CORE, 'breaker', 'observe', 'cluster'],
  client: [...CORE, 'observe', 'streams', 'channels'],
  '.': [...CORE, 'server', 'client', 'observe', 'streams', 'channels', 'breaker'],
  opentelemetry: [...CORE, 'observe', 'type server'],
  ws: [...CORE, 'server', 'client', OBSERVER],
  cluster: [...CORE, OBSERVER, 'type server'],
  testing: [...CORE, 'server', 'client', 'observe', 'cluster'],
  conform: ENTRY_POINTS,
  load: ENTRY_POINTS,
  cli: [...ENTRY_POINTS, 'conform/index.ts', 'load/index.ts', 'observe/index.ts', 'cluster/index.ts'],
};

/**
 * Packages that a layer may import. No other layer imports a layer of this table, so only who imports its entry point needs them.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const PACKAGES = { opentelemetry: ['@opentelemetry/api'] };

/** What the benchmark, in bench/, may import of src/: entry points, and the charts of `hawser bench --html`. */
const BENCH = [
  ...ENTRY_POINTS,
  'cluster/index.ts',
  'conform/index.ts',
  'load/index.ts',
  'observe/index.ts',
  'cli/bench/html-charts.ts',
  'cli/bench/html-style.ts',
];

/** Modules of Node that the protocol may import: computation only. From node:crypto it may import only PURE_CRYPTO. */
const PURE_MODULES = ['node:buffer', 'node:crypto'];
const PURE_CRYPTO = ['default', 'createHash', 'hash'];
/** Globals that wait, tell the time or draw random numbers. The protocol gets time and randomness as arguments. */
const IMPURE =
  'setTimeout setInterval setImmediate queueMicrotask performance Date fetch crypto WebSocket'.split(' ');
/** Members that draw random numbers. The protocol may use other members of these objects. */
const RANDOM = {
  Math: ['random'],
  crypto: 'randomBytes randomFill randomFillSync randomInt randomUUID getRandomValues webcrypto'.split(' '),
};
/** Layers that take every timer from an injected clock. */
const CLOCKED = ['connection', 'breaker', 'server', 'client', 'cluster'];

/**
 * The only files that may use the process, and which members of it.
 * @type {Readonly<Record<string, readonly string[] | 'all'>>}
 */
const PROCESS_USERS = {
  'cli/main.ts': 'all',
  'testing/leak-check.ts': ['getActiveResourcesInfo'],
  // Reports failures when there is neither a logger nor a listener.
  'connection/warnings.ts': ['emitWarning'],
  // The package ws runs callbacks in the next tick, and programs rely on that order.
  'ws/ticks.ts': ['nextTick'],
  'observe/version.ts': ['version', 'pid'],
  'observe/metrics/process-sampler.ts': ['cpuUsage', 'memoryUsage'],
  // What an operator wants to know of the process.
  'observe/admin/process-facts.ts': ['memoryUsage'],
  'observe/memory-limit.ts': ['constrainedMemory'],
  'observe/old-space.ts': ['env', 'execArgv'],
  'observe/load-control/process-probe.ts': ['cpuUsage', 'memoryUsage'],
  // Worker threads get the environment of the process, and more.
  'cluster/engines/workers/launchers.ts': ['env'],
  // Only a tick runs after all pending microtasks and before the next read.
  'client/early-input.ts': ['nextTick'],
};

/** The only file that loads packages of the user's project: clients of brokers, which are no dependencies. */
const PACKAGE_LOADER = 'cli/project-packages.ts';

/**
 * The only files with module-level state. `emitter.ts` and `memory-budget.ts` each assign one function, in a static
 * block, that reads a private field. `engine.ts` has the default engine.
 */
const STATEFUL = ['connection/emitter.ts', 'engine/memory-budget.ts', 'engine/engine.ts'];

/** Files that run in browsers, too. They may import each other and these parts of the protocol, and nothing of Node. */
const NODE_FREE = [
  'client/topics/*.ts',
  'client/browser/*.ts',
  'client/reconnect/{backoff,close-reactions,offline-queue,reconnect-states,retry-plan}.ts',
  'options/{retry-options,standard-schema,topic-types}.ts',
];
const NODE_FREE_IMPORTS = [
  './*',
  '../topics/*',
  '../reconnect/{backoff,close-reactions,offline-queue,reconnect-states,retry-plan}.ts',
  '../../options/{retry-options,standard-schema,topic-types}.ts',
  '../../protocol/{errors,limits}.ts',
];
/** Asks the platform for its timers. */
const BROWSER_PLATFORM = 'client/browser/platform.ts';

/** How deep the rules go: a layer's folder is depth 1. Deeper files may import nothing. */
const MAX_DEPTH = 3;

/** @typedef {{ group?: string[], regex?: string, message: string, allowTypeImports?: boolean, allowImportNames?: string[] }} Pattern */

/** @type {Pattern} */
const NO_LOADER = {
  regex: '^node:module$',
  message: 'Nothing in src/ loads modules by other means than import.',
};
/** @type {Pattern[]} */
const ALWAYS = [
  { regex: String.raw`^\.\.?/.*([^s]|[^t]s|[^.]ts)$`, message: 'Name the whole file, ending in .ts.' },
  { regex: String.raw`^\./\.\.|[^./]/\.\.`, message: 'Write the shortest path.' },
  { regex: '^node:console$', message: 'Nothing in src/ writes to the console.' },
  NO_LOADER,
];
const NO_PROCESS = {
  regex: '^node:process$',
  message: 'Only PROCESS_USERS (tools/layers.js) use the process.',
};
const NO_RANDOMNESS = {
  regex: '^node:crypto$',
  allowImportNames: PURE_CRYPTO,
  message: 'The protocol computes.',
};
const NO_TIMERS = {
  regex: '^node:timers(/promises)?$',
  message: 'Use the timers of the clock that the caller passes.',
};

/**
 * Patterns of imports that a layer may not use. oxlint stops at the first group that allows a name, so the only group is the last
 * pattern.
 * @param {string} layer
 * @param {number} depth How many folders a file lies below src/.
 * @param {boolean} mayUseProcess
 * @returns {Pattern[]}
 */
function restrictedImports(layer, depth, mayUseProcess) {
  const names = LAYERS[layer] ?? [];
  const from = depth === 0 ? './' : '../'.repeat(depth);
  const modules = layer === 'protocol' ? PURE_MODULES : ['node:*', 'node:*/*'];
  const allowed = [
    ...names
      .map((name) => from + name.replace('type ', ''))
      .map((path) => (path.endsWith('.ts') ? path : `${path}/**`)),
    ...modules,
    ...(PACKAGES[layer] ?? []),
  ];
  // A file may import its own layer: folders below it, and folders above it up to the layer's folder.
  const itself = depth === 0 ? ['!./*'] : ['!./**', ...(depth === 1 ? [] : ['!../**']), `${from}**`];
  const byInterface = names
    .filter((name) => name.startsWith('type '))
    .map((name) => name.slice('type '.length));
  return [
    ...ALWAYS,
    ...(mayUseProcess ? [] : [NO_PROCESS]),
    ...(layer === 'protocol' ? [NO_RANDOMNESS] : []),
    ...(CLOCKED.includes(layer) ? [NO_TIMERS] : []),
    ...byInterface.map((name) => ({
      regex: `^${from.replaceAll('.', String.raw`\.`)}${name}/`,
      allowTypeImports: true,
      message: `Only types of ${name}/ may be imported here: use \`import type\`.`,
    })),
    {
      group: ['**', ...itself, ...allowed.map((path) => `!${path}`)],
      message: `${layer} may import ${names.join(', ') || 'itself only'}, and node:… (tools/layers.js).`,
    },
  ];
}

/** @param {readonly string[]} names @param {string} message */
const globals = (names, message) => names.map((name) => ({ name, message }));
/** The same names as members of `globalThis`. @param {readonly string[]} names @param {string} message */
const membersOfGlobal = (names, message) =>
  ['globalThis', 'global'].flatMap((object) => names.map((property) => ({ object, property, message })));

/** Rules about global names, by layer. @param {string} layer */
function globalRules(layer) {
  const sets = [
    { names: ['console'], message: 'Nothing in src/ writes to the console.' },
    { names: ['process'], message: 'Import node:process; only the files in PROCESS_USERS may.' },
    { names: ['require'], message: 'Nothing in src/ loads modules by other means than import.' },
    ...(layer === 'protocol'
      ? [{ names: IMPURE, message: 'The protocol has no I/O, time or randomness.' }]
      : []),
    ...(CLOCKED.includes(layer)
      ? [
          {
            names: ['setTimeout', 'setInterval'],
            message: 'Use the timers of the clock that the caller passes.',
          },
        ]
      : []),
  ];
  const members = layer === 'protocol' ? Object.entries(RANDOM) : [];
  return {
    'no-restricted-globals': ['error', ...sets.flatMap(({ names, message }) => globals(names, message))],
    'no-restricted-properties': [
      'error',
      ...sets.flatMap(({ names, message }) => membersOfGlobal(names, message)),
      ...members.flatMap(([object, properties]) =>
        properties.map((property) => ({ object, property, message: 'The protocol has no randomness.' })),
      ),
    ],
  };
}

const imports = (/** @type {Pattern[]} */ patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

const STATE_MESSAGE = 'State that connections share belongs to the Engine (src/engine).';
const MODULE_LEVEL = ':matches(Program, ExportNamedDeclaration) > VariableDeclaration';
/** Classes with immutable objects. */
const IMMUTABLE = 'URL|TextDecoder|RegExp';
/** Matches declarations whose type is not `ReadonlyMap`, `ReadonlySet` or similar. */
const READONLY = ':not([id.typeAnnotation.typeAnnotation.typeName.name=/^Readonly/])';
/**
 * Module-level state: `let`, objects made with `new`, empty arrays, and static fields. Constant tables are allowed: collections
 * declared as `ReadonlyMap` or `ReadonlySet`, and typed arrays, which the protocol fills once.
 */
const SHARED_STATE = [
  { selector: `${MODULE_LEVEL}[kind="let"]`, message: STATE_MESSAGE },
  {
    selector: `${MODULE_LEVEL} > VariableDeclarator[init.type="NewExpression"]:not([init.callee.name=/^(${IMMUTABLE}|Uint\\d+Array)$/])${READONLY}`,
    message: STATE_MESSAGE,
  },
  {
    selector: `${MODULE_LEVEL} > VariableDeclarator[init.type="ArrayExpression"][init.elements.length=0]:not([id.typeAnnotation.typeAnnotation.operator="readonly"])`,
    message: STATE_MESSAGE,
  },
  { selector: 'PropertyDefinition[static=true]:not([readonly=true])', message: STATE_MESSAGE },
];

/** Forbids every use of `process` except these members. @param {readonly string[]} members */
function otherMembers(members) {
  const message = `Of the process, this file may use ${members.join(', ')}.`;
  const others = members.map((name) => `:not([property.name="${name}"])`).join('');
  return [
    { selector: `MemberExpression[object.name="process"]${others}`, message },
    { selector: ':not(MemberExpression, ImportDefaultSpecifier) > Identifier[name="process"]', message },
    {
      selector: 'ImportDeclaration[source.value="node:process"] > :not(ImportDefaultSpecifier, Literal)',
      message,
    },
  ];
}

/** Entries for `overrides` of the linter's configuration. Later ones replace rules of earlier ones. */
export const layerOverrides = [
  {
    files: ['src/**/*.ts'],
    rules: {
      // Cycles of type imports count too: a reader has to follow them.
      'import/no-cycle': ['error', { ignoreTypes: false }],
      'import/no-dynamic-require': ['error', { esmodule: true }],
      'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: true }],
      'js/no-restricted-syntax': ['error', ...SHARED_STATE],
      ...imports([
        { group: ['**'], message: 'This folder has no row in the table LAYERS of tools/layers.js.' },
      ]),
    },
  },
  ...Object.keys(LAYERS).flatMap((layer) =>
    (layer === '.' ? [0] : Array.from({ length: MAX_DEPTH }, (_, at) => at + 1)).map((depth) => ({
      files: [layer === '.' ? 'src/*.ts' : `src/${layer}/${'*/'.repeat(depth - 1)}*.ts`],
      rules: { ...globalRules(layer), ...imports(restrictedImports(layer, depth, false)) },
    })),
  ),
  {
    files: NODE_FREE.map((file) => `src/${file}`),
    rules: {
      ...imports([
        ...ALWAYS,
        {
          group: ['**', 'node:*', ...NODE_FREE_IMPORTS.map((path) => `!${path}`)],
          message: 'This file runs in browsers: it may import NODE_FREE files only (tools/layers.js).',
        },
      ]),
      'no-restricted-globals': [
        'error',
        ...globals(
          ['Buffer', 'process', 'setImmediate', 'setTimeout', 'setInterval', 'console', 'require'],
          'This file runs in browsers, with the timers of its platform.',
        ),
      ],
    },
  },
  {
    files: [`src/${BROWSER_PLATFORM}`],
    rules: {
      'no-restricted-globals': [
        'error',
        ...globals(['Buffer', 'process', 'console'], 'This file runs in browsers.'),
      ],
    },
  },
  {
    files: ['bench/**/*.ts'],
    rules: imports([
      {
        group: ['**/src/**', ...BENCH.map((file) => `!**/src/${file}`)],
        message: `Of src/, the benchmark may import ${BENCH.join(', ')} (tools/layers.js).`,
      },
    ]),
  },
  {
    files: ['src/cli/main.ts', ...STATEFUL.map((file) => `src/${file}`)],
    rules: { 'js/no-restricted-syntax': 'off' },
  },
  {
    files: [`src/${PACKAGE_LOADER}`],
    rules: {
      'import/no-dynamic-require': 'off',
      ...imports(restrictedImports('cli', 1, false).filter((pattern) => pattern !== NO_LOADER)),
    },
  },
  ...Object.entries(PROCESS_USERS).map(([file, members]) => {
    const [layer = '.', ...rest] = file.split('/');
    const syntax = [
      ...(members === 'all' ? [] : SHARED_STATE),
      ...(members === 'all' ? [] : otherMembers(members)),
    ];
    return {
      files: [`src/${file}`],
      rules: {
        ...imports(restrictedImports(layer, rest.length, true)),
        'js/no-restricted-syntax': ['error', ...syntax],
      },
    };
  }),
];
