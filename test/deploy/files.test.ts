import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Commands, ioredis } from '../cluster/redis/clients.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import { FENCES } from '../docs/fences.ts';
import { dockerCompose } from '../interop/peers.ts';
import { replaced } from '../interop/proxy-run.ts';
import { EXAMPLE, ROOT } from './balancers.ts';
import { compose, drainComplaints, fileOf, load, NO_PACKAGES, NO_YAML, redisArguments } from './files.ts';
import { kubernetesComplaints } from './kubernetes.ts';

/** A mistake: its name, the text that it replaces, the text in its place, and the complaint. */
type Mistake = readonly [name: string, what: string, by: string, complaint: RegExp];

const KUBERNETES: readonly Mistake[] = [
  ['a misspelt field', 'readinessProbe:', 'readinesProbe:', /'"readinesProbe"' does not exist/],
  [
    'a misspelt field in depth',
    'maxUnavailable: 0',
    'maxUnavailible: 0',
    /'"maxUnavailible"' does not exist/,
  ],
  ['a number as text', 'replicas: 3', "replicas: 'three'", /replicas must be integer/],
  ['a fraction', 'minReplicas: 3', 'minReplicas: 2.5', /minReplicas must be integer/],
  ['an unknown kind', 'kind: PodDisruptionBudget', 'kind: PodDisruptionBudgets', /no PodDisruptionBudgets/],
  [
    'a version that has no such kind',
    'apiVersion: policy/v1',
    'apiVersion: policy/v3',
    /no PodDisruptionBudget/,
  ],
  ['a boolean where text belongs', 'value: "8080"', 'value: true', /value must be string/],
  ['a missing field', '- name: hawser\n          image', '- image', /must have required property name/],
  ['a type of a path that does not exist', 'pathType: Prefix', 'pathType: 7', /pathType must be string/],
  [
    'a selector of the Service',
    'selector: { app: hawser }',
    'selector: { app: hawsr }',
    /Service does not select/,
  ],
  ['a liveness probe that restarts nodes without Redis', 'path: /healthz', 'path: /readyz', /liveness probe/],
  ['a port without a name', 'path: /readyz, port: http', 'path: /readyz, port: web', /readiness probe/],
  [
    'a grace period that ends a node while it drains',
    'terminationGracePeriodSeconds: 40',
    'terminationGracePeriodSeconds: 30',
    /30000 ms is too short for 5000 \+ 20000 ms/,
  ],
  [
    'a delay that no probe notices',
    'READY_DELAY_MS, value: "5000"',
    'READY_DELAY_MS, value: "2000"',
    /2000 ms is too short to notice/,
  ],
  [
    'a variable that the node does not read',
    '- { name: DRAIN_MS',
    '- { name: DRAIN',
    /does not read DRAIN\b/,
  ],
  [
    'a timeout of the Ingress',
    'proxy-read-timeout: "75"',
    'proxy-read-timeout: "60"',
    /ends idle connections/,
  ],
  ['a port of the Ingress', 'port: { name: http }', 'port: { name: https }', /Ingress has no Service/],
];

test('EX-01 the manifests of Kubernetes pass its schemas, its types and the rules of the guide', {
  skip: NO_PACKAGES,
}, () => {
  const text = fileOf('kubernetes.yaml');
  const planted = KUBERNETES.map(([, what, by]) => replaced(text, [[what, by]]));
  const [ofText, ...ofPlanted] = kubernetesComplaints([text, ...planted]);
  assert.deepEqual(ofText, []);
  for (const [at, [name, , , complaint]] of KUBERNETES.entries())
    assert.match(ofPlanted[at]!.join('\n'), complaint, name);
});

const COMPOSE: readonly Mistake[] = [
  ['a misspelt field', 'healthcheck:', 'healtcheck:', /Unsupported config option.*'healtcheck'/],
  [
    'a service that does not exist',
    '    redis:\n      condition',
    '    rediss:\n      condition',
    /depends on service 'rediss' which is undefined/,
  ],
  ['a list instead of a time', 'stop_grace_period: 40s', 'stop_grace_period: [40s]', /stop_grace_period/],
  ['a number instead of a text', '      - CMD\n', '      - 7\n', /healthcheck\.test contains 7/],
  [
    'a volume that is not declared',
    '- redis-data:/data',
    '- data:/data',
    /"data:\/data:rw" is used.*no declaration/,
  ],
];

/** What docker-compose says about a file. */
function composeComplaints(text: string): string {
  const { status, stderr } = spawnSync(
    dockerCompose.peer!,
    ['-f', '-', '--project-directory', EXAMPLE, 'config', '-q'],
    {
      input: text,
      encoding: 'utf8',
    },
  );
  assert.equal(status === 0, stderr === '', stderr);
  return stderr;
}

test('EX-01 docker-compose accepts the file of the example, and finds mistakes in it', {
  skip: dockerCompose.skip,
}, () => {
  const text = fileOf('docker-compose.yml');
  assert.equal(composeComplaints(text), '');
  for (const [name, what, by, complaint] of COMPOSE)
    assert.match(composeComplaints(replaced(text, [[what, by]])), complaint, name);
});

/** What does not fit together in the file of Compose. */
function composeRules(text: string): string[] {
  const { services, networks } = compose(text);
  const [{ subnet } = { subnet: '' }] = networks.default.ipam.config;
  const balancer = fileOf('haproxy.cfg');
  const names = Object.keys(services).filter((name) => name.startsWith('node-'));
  const [, interval, fall] = /check inter (\d+)s fall (\d+)/.exec(balancer) ?? [];
  const servers = [...balancer.matchAll(/^ {2}server (\S+) (\S+)$/gm)].map(([, , address]) => address);
  return names.flatMap((name) => {
    const { environment = {}, stop_grace_period: grace = '' } = services[name]!;
    const complaints = drainComplaints(
      environment,
      Number.parseInt(grace, 10) * 1_000,
      Number(interval) * Number(fall) * 1_000,
    );
    if (environment['TRUST_PROXY'] !== subnet)
      complaints.push(`${name} does not trust the network of the balancer`);
    if (!servers.includes(`${name}:${environment['PORT']}`)) complaints.push(`HAProxy has no ${name}`);
    return complaints;
  });
}

const RULES: readonly Mistake[] = [
  [
    'a grace period that ends a node while it drains',
    'stop_grace_period: 40s',
    'stop_grace_period: 30s',
    /30000 ms is too short/,
  ],
  [
    'a delay that HAProxy does not notice',
    'READY_DELAY_MS: "5000"',
    'READY_DELAY_MS: "1000"',
    /1000 ms is too short to notice/,
  ],
  [
    'a network that is not trusted',
    'TRUST_PROXY: 172.28.0.0/24',
    'TRUST_PROXY: 172.29.0.0/24',
    /does not trust/,
  ],
  ['a variable that the node does not read', 'DRAIN_MS:', 'DRAIN:', /does not read DRAIN/],
  ['another port', 'PORT: "8080"', 'PORT: "8081"', /HAProxy has no node-1/],
  ['a node that HAProxy does not know', 'node-2: *node', 'node-3: *node', /HAProxy has no node-3/],
];

test('EX-01 the file of Compose keeps the rules of the guide', { skip: NO_YAML }, () => {
  const text = fileOf('docker-compose.yml');
  assert.deepEqual(composeRules(text), []);
  for (const [name, what, by, complaint] of RULES)
    assert.match(composeRules(replaced(text, [[what, by]])).join('\n'), complaint, name);
});

test('EX-01 SC-03 Redis has the settings that the file of Compose gives it', {
  skip: NO_YAML || noRedis || ioredis.skip,
}, async (t) => {
  const server = await RedisServer.start(...redisArguments(compose()));
  const commands = new Commands(server.port);
  t.after(async () => {
    commands.close();
    await server.end();
  });
  for (const [name, value] of [
    ['maxmemory', String(512 * 2 ** 20)],
    ['maxmemory-policy', 'noeviction'],
    ['timeout', '0'],
    ['tcp-keepalive', '60'],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
  ])
    assert.deepEqual(await commands.call('CONFIG', 'GET', name!), [name, value]);
  const [, limits] = (await commands.call('CONFIG', 'GET', 'client-output-buffer-limit')) as string[];
  assert.match(limits!, /pubsub 67108864 16777216 60$/);
});

const DOCKERFILE: readonly Mistake[] = [
  ['an instruction that does not exist', 'WORKDIR /app', 'WORKDIRR /app', /Unknown instruction: WORKDIRR/],
  [
    'a copy without a target',
    'COPY examples/cluster/node.js ./',
    'COPY examples/cluster/node.js',
    /COPY requires/,
  ],
  [
    'a file that does not exist',
    'COPY examples/cluster/node.js',
    'COPY examples/deploy/node.js',
    /no file examples\/deploy\/node\.js/,
  ],
  ['a shell that takes the signal', 'CMD ["node", "node.js"]', 'CMD node node.js', /CMD is not a list/],
  ['another version of the client', 'redis@6.3.1', 'redis@5.0.0', /installs redis@5\.0\.0/],
  ['root', 'USER node\n', '', /runs as root/],
];

/** What is wrong with a Dockerfile. */
function dockerComplaints(text: string): string[] {
  const { validate } = load('dockerfile-utils') as {
    validate(this: void, text: string): readonly { readonly message: string }[];
  };
  const complaints = validate(text).map(({ message }) => message);
  const [, copied = ''] = /^COPY (examples\S+)/m.exec(text) ?? [];
  if (!existsSync(join(ROOT, copied))) complaints.push(`there is no file ${copied}`);
  if (!/^CMD \["node", "node\.js"\]$/m.test(text)) complaints.push('CMD is not a list');
  if (!/^USER node$/m.test(text)) complaints.push('it runs as root');
  const { dependencies } = JSON.parse(fileOf('package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const [, version] = /\bredis@(\S+)/.exec(text) ?? [];
  if (version !== dependencies['redis']) complaints.push(`it installs redis@${version}`);
  return complaints;
}

test('EX-01 the Dockerfile has no mistake that its checker or the rules of the guide find', {
  skip: NO_PACKAGES,
}, () => {
  const text = fileOf('Dockerfile');
  assert.deepEqual(dockerComplaints(text), []);
  for (const [name, what, by, complaint] of DOCKERFILE)
    assert.match(dockerComplaints(replaced(text, [[what, by]])).join('\n'), complaint, name);
});

test('EX-01 EX-03 the commands of the guide name files, services and secrets of the example', {
  skip: NO_YAML,
}, () => {
  const commands = (heading: string): string =>
    FENCES.find(({ key }) => key === `docs/deploying.md: ${heading}`)?.code ?? assert.fail(heading);
  const services = Object.keys(compose().services);
  const named = [...commands('Compose').matchAll(/--wait (\S+)$/gm)].map(([, name]) => name!);
  assert.deepEqual(
    named,
    services.filter((name) => name.startsWith('node-')),
  );
  const kubernetes = commands('Kubernetes');
  const [, file = ''] = /apply -f (\S+)/.exec(kubernetes) ?? [];
  assert.ok(existsSync(join(ROOT, file)), file);
  const [, secret, key] = /secret generic (\S+) --from-literal=(\w+)=/.exec(kubernetes) ?? [];
  assert.ok(fileOf('kubernetes.yaml').includes(`secretKeyRef: { name: ${secret}, key: ${key} }`));
});
