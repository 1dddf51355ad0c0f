import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../docs/modules.ts';
import { ROOT } from './balancers.ts';
import { documents, drainComplaints, load } from './files.ts';

/** An object of Kubernetes, as far as the tests read it. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // Its form depends on the kind; the schemas check it.
  readonly spec: any;
}
type Model = new (manifest: object) => { validate(): void };

const PACKAGE = join(ROOT, 'test', 'deploy', 'node_modules', 'kubernetes-models');

/** What the JSON schemas of Kubernetes say about values. */
function schemaComplaints(manifest: Manifest): string[] {
  const { apiVersion, kind } = manifest;
  let models: Readonly<Record<string, Model>> = {};
  try {
    models = load(`kubernetes-models/${apiVersion}`) as typeof models;
  } catch {
    // Reported below.
  }
  const ModelOf = models[kind];
  if (ModelOf === undefined) return [`Kubernetes has no ${kind} of ${apiVersion}`];
  try {
    new ModelOf(manifest).validate();
    return [];
  } catch (error) {
    return [`${kind}: ${(error as Error).message}`];
  }
}

/**
 * What the compiler says about names: the schemas allow unknown fields, the types do not. One run of the compiler for all texts.
 * @returns The complaints of each text.
 */
function typeComplaints(texts: readonly string[]): string[][] {
  const sources = texts.map((text, at) => ({
    name: String(at),
    language: 'ts' as const,
    code: (documents(text) as readonly Manifest[])
      .map((manifest, number) => {
        const path = JSON.stringify(`${PACKAGE}/${manifest.apiVersion}/index.js`);
        return `import type { I${manifest.kind} as Kind${number} } from ${path};
          export const manifest${number} = ${JSON.stringify(manifest)} satisfies Kind${number};`;
      })
      .join('\n'),
  }));
  const { folder, of } = compiled(sources);
  rmSync(folder, { recursive: true });
  return sources.map(({ name }) => [...of.get(name)!.complaints]);
}

const includes = (
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>> = {},
): boolean =>
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([name, value]) => labels[name] === value);

/** What does not fit together. */
function referenceComplaints(manifests: readonly Manifest[]): string[] {
  const of = (kind: string): Manifest => manifests.find((each) => each.kind.startsWith(kind))!;
  const [deployment, service, budget, scaler, ingress] = [
    'Deployment',
    'Service',
    'PodDisruptionBudget',
    'HorizontalPodAutoscaler',
    'Ingress',
  ].map(of) as [Manifest, Manifest, Manifest, Manifest, Manifest];
  const { template, selector } = deployment.spec;
  const [container] = template.spec.containers;
  const { labels } = template.metadata;
  const env = new Map<string, string>(
    container.env.map((entry: { name: string; value?: string }) => [entry.name, entry.value ?? '']),
  );
  const ports = new Map<string, number>(
    container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
  );
  const { readinessProbe = { httpGet: {} }, livenessProbe = { httpGet: {} } } = container;
  const [{ http }] = ingress.spec.rules;
  const [{ backend }] = http.paths;
  const [servicePort] = service.spec.ports;
  const timeouts = ['read', 'send'].map((way) =>
    Number(ingress.metadata.annotations?.[`nginx.ingress.kubernetes.io/proxy-${way}-timeout`]),
  );
  const rules: readonly (readonly [boolean, string])[] = [
    [includes(labels, selector.matchLabels), 'the Deployment does not select its pods'],
    [includes(labels, service.spec.selector), 'the Service does not select the pods'],
    [includes(labels, budget.spec.selector.matchLabels), 'the PodDisruptionBudget does not select the pods'],
    [String(ports.get('http')) === env.get('PORT'), 'the container does not listen on its port'],
    [ports.has(servicePort.targetPort), 'the container has no port of the Service'],
    [
      readinessProbe.httpGet.path === '/readyz' && ports.has(readinessProbe.httpGet.port),
      'the readiness probe has no answer',
    ],
    [
      livenessProbe.httpGet.path === '/healthz' && ports.has(livenessProbe.httpGet.port),
      'the liveness probe has no answer',
    ],
    [
      scaler.spec.scaleTargetRef.kind === 'Deployment' &&
        scaler.spec.scaleTargetRef.name === deployment.metadata.name,
      'the HorizontalPodAutoscaler scales another object',
    ],
    [scaler.spec.minReplicas <= deployment.spec.replicas, 'fewer replicas than the autoscaler wants'],
    [
      backend.service.name === service.metadata.name && backend.service.port.name === servicePort.name,
      'the Ingress has no Service',
    ],
    [timeouts.every((seconds) => seconds > 60), 'the Ingress ends idle connections'],
    [deployment.spec.strategy.rollingUpdate.maxUnavailable === 0, 'a deploy takes nodes away first'],
  ];
  return [
    ...rules.filter(([holds]) => !holds).map(([, complaint]) => complaint),
    ...drainComplaints(
      Object.fromEntries(env),
      template.spec.terminationGracePeriodSeconds * 1_000,
      readinessProbe.periodSeconds * readinessProbe.failureThreshold * 1_000,
    ),
  ];
}

/** What is wrong with each of several versions of the manifests. */
export function kubernetesComplaints(texts: readonly string[]): readonly (readonly string[])[] {
  const types = typeComplaints(texts);
  return texts.map((text, at) => {
    const manifests = documents(text) as readonly Manifest[];
    return [...types[at]!, ...manifests.flatMap(schemaComplaints), ...referenceComplaints(manifests)];
  });
}
