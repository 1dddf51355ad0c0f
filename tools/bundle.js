// Bundles src/ into build/package, the published package; part of `npm run build`. Each entry point is one ES module and one CommonJS
// file (.cjs); files named shared-… contain what several entry points use. No source is in two files of one format, so a class is
// the same at every entry point. Names stay; two functions of one name in one file get a suffix (`name$1`) in stack traces.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { ownerOf } from './release/owner.js';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build', 'package');
const ENTRY_POINTS = {
  index: 'src/index.ts',
  client: 'src/client/index.ts',
  protocol: 'src/protocol/index.ts',
  testing: 'src/testing/index.ts',
  conform: 'src/conform/index.ts',
  cluster: 'src/cluster/index.ts',
  observe: 'src/observe/index.ts',
  opentelemetry: 'src/opentelemetry/index.ts',
  ws: 'src/ws/index.ts',
};
/** Files of the package that several entry points share. Otherwise each combination of entry points would get a file of its own. */
const LAYERS_IN_ONE_FILE = [
  { name: 'protocol', test: /src\/protocol\// },
  // With what hawser/ws uses of the layers above.
  {
    name: 'core',
    test: /src\/(?:engine|sockets|connection|client\/key-pool|options\/(?:connection-option-table|option-rules|resolve-options))\b/,
  },
  // What the server has in common with hawser/observe and with what it loads only for an option.
  {
    name: 'observed',
    test: /src\/(?:observe\/(?:endpoint-answers|memory-report|version|tracing\/traces|metrics\/(?:metric-table|process-sampler|samples|text))|options\/(?:option-descriptions|origins|secrets|topic-name))\b/,
  },
];
const COMMAND = { cli: 'src/cli/main.ts' };
const PAGE = { browser: 'src/client/browser/index.ts' };

/**
 * @param {Record<string, string>} input
 * @param {'es' | 'cjs'} format
 * @param {'js' | 'cjs'} suffix
 */
async function bundle(input, format, suffix) {
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    external: /^(node:|@opentelemetry\/api$)/,
    treeshake: { moduleSideEffects: false }, // loading a module only defines things
    transform: { target: 'node20.19' },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  await build.write({
    dir: folder,
    format,
    exports: 'named',
    strict: true,
    entryFileNames: `[name].${suffix}`,
    chunkFileNames: `shared-[hash].${suffix}`,
    codeSplitting: { groups: LAYERS_IN_ONE_FILE },
    minifyInternalExports: false,
    charset: 'ascii', // V8 stores a file with any other character in two bytes a character
    comments: { annotation: true, jsdoc: false, legal: false },
    // In CommonJS, a stack shows the real names in readable code.
    sourcemap: format === 'es',
    sourcemapExcludeSources: true,
  });
  await build.close();
}

/**
 * `hawser/browser`: one file without imports, minified, because a page may load it with <script type="module">. It shares no file
 * with the others, which are for Node.
 * @param {'es' | 'cjs'} format
 */
async function bundleForBrowsers(format) {
  const build = await rolldown({
    cwd: root,
    input: PAGE,
    platform: 'browser',
    treeshake: { moduleSideEffects: false },
    transform: { target: 'es2022' },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  await build.write({
    dir: folder,
    format,
    exports: 'named',
    strict: true,
    entryFileNames: `[name].${format === 'es' ? 'js' : 'cjs'}`,
    codeSplitting: false,
    minify: { mangle: { keepNames: { function: false, class: true } }, compress: true, codegen: true },
    charset: 'ascii',
    sourcemap: format === 'es',
    sourcemapExcludeSources: true,
  });
  await build.close();
}

/** The playground: one file with its style and its script, which contains `hawser/browser`. A server and the site serve it as it is. */
async function bundlePlayground() {
  const source = join(root, 'src', 'cli', 'playground');
  const build = await rolldown({
    cwd: root,
    input: { playground: join(source, 'main.js') },
    platform: 'browser',
    treeshake: { moduleSideEffects: [{ test: /src\/cli\/playground\//, sideEffects: true }] },
    transform: { target: 'es2022' },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  const { output } = await build.generate({ format: 'es', codeSplitting: false, minify: true });
  await build.close();
  const parts = {
    STYLE: ['frame.css', 'list.css', 'side.css', 'phone.css']
      .map((file) => readFileSync(join(source, file), 'utf8'))
      .join('')
      .replaceAll(/\n\s*/g, '\n'),
    // The text that would end the element in HTML.
    SCRIPT: output[0].code.replaceAll('</script', '<\\/script'),
  };
  const html = readFileSync(join(source, 'page.html'), 'utf8');
  writeFileSync(
    join(folder, 'playground.html'),
    html.replace(/%(STYLE|SCRIPT)%/g, (_, name) => parts[/** @type {'STYLE' | 'SCRIPT'} */ (name)]),
  );
}

rmSync(folder, { recursive: true, force: true });
await bundle({ ...ENTRY_POINTS, ...COMMAND }, 'es', 'js');
await bundle(ENTRY_POINTS, 'cjs', 'cjs');
await bundleForBrowsers('es');
await bundleForBrowsers('cjs');
await bundlePlayground();
// The package ws is its class. Node takes the export of this name from an ES module; a CommonJS module has to say it.
appendFileSync(join(folder, 'ws.cjs'), '\nmodule.exports = exports["module.exports"];\n');
chmodSync(join(folder, 'cli.js'), 0o755);
// tools/types.js writes the declarations there. This makes them declarations of CommonJS modules.
mkdirSync(join(folder, 'types', 'ws'), { recursive: true });
writeFileSync(join(folder, 'types', 'package.json'), '{ "type": "commonjs" }\n');
// Declarations of a CommonJS module that is its class.
writeFileSync(
  join(folder, 'types', 'ws', 'commonjs.d.ts'),
  "import WebSocket from './index.js';\nexport = WebSocket;\n",
);
// Those of the ES modules pass them on, so both formats have one declaration of each class.
for (const [name, source] of Object.entries({ ...ENTRY_POINTS, ...PAGE })) {
  const path = source.replace(/^src\/(.*)\.ts$/, './types/$1.js');
  const second =
    name === 'ws' ? `export { WebSocket as default, WebSocket as 'module.exports' } from '${path}';\n` : '';
  writeFileSync(join(folder, `${name}.d.ts`), `export * from '${path}';\n${second}`);
}
// The page of `hawser serve --chat`.
copyFileSync(join(root, 'src', 'cli', 'chat', 'page.html'), join(folder, 'chat.html'));
// The field `browser` of package.json names this file: a bundle of a part of hawser/protocol for a page needs no node:crypto.
writeFileSync(join(folder, 'no-crypto.js'), 'export default {};\n');

// The second package, for `"overrides": { "ws": … }`: `npm pack ./build/ws-package`. Its root is hawser/ws of this version.
const second = join(root, 'build', 'ws-package');
rmSync(second, { recursive: true, force: true });
cpSync(join(root, 'tools', 'ws-package'), second, { recursive: true });
cpSync(join(root, 'LICENSE'), join(second, 'LICENSE'));
const read = (/** @type {string} */ file) => JSON.parse(readFileSync(file, 'utf8'));
const project = read(join(root, 'package.json'));
const manifest = {
  ...read(join(second, 'package.json')),
  ...ownerOf(project)?.fields,
  dependencies: { hawser: `^${project.version}` },
};
writeFileSync(join(second, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
