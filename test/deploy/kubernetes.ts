import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../docs/modules.ts';
import { ROOT } from './balancers.ts';
import { documents, drainComplaints, load } from './files.ts';

/** An object of Kubernetes, as far as the tests read it. */
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Labels };
  /** Its form depends on the kind. The schemas check it. */
  readonly spec: unknown;
}
type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels: Labels;
}
interface Probe {
  readonly httpGet: { readonly path?: string; readonly port?: string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}
interface DeploymentSpec {
  readonly replicas: number;
  readonly selector: Selector;
  readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable?: number } };
  readonly template: {
    readonly metadata: { readonly labels: Labels };
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly [
        {
          readonly env: readonly { readonly name: string; readonly value?: string }[];
          readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
          readonly readinessProbe?: Probe;
          readonly livenessProbe?: Probe;
        },
      ];
    };
  };
}
interface ServiceSpec {
  readonly selector: Labels;
  readonly ports: readonly [{ readonly name: string; readonly targetPort: string }];
}
interface ScalerSpec {
  readonly minReplicas: number;
  readonly scaleTargetRef: { readonly kind: string; readonly name: string };
}
interface IngressSpec {
  readonly rules: readonly [
    {
      readonly http: {
        readonly paths: readonly [
          {
            readonly backend: {
              readonly service: { readonly name: string; readonly port: { readonly name: string } };
            };
          },
        ];
      };
    },
  ];
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

const includes = (labels: Labels, selector: Labels): boolean =>
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([name, value]) => labels[name] === value);

const NO_PROBE: Probe = { httpGet: {} };

/** What does not fit together. */
function referenceComplaints(manifests: readonly Manifest[]): string[] {
  const of = (kind: string): Manifest => manifests.find((each) => each.kind.startsWith(kind))!;
  const [deployment, service, ingress] = [of('Deployment'), of('Service'), of('Ingress')];
  const { template, selector, replicas, strategy } = deployment.spec as DeploymentSpec;
  const { selector: budgetSelector } = of('PodDisruptionBudget').spec as { readonly selector: Selector };
  const { scaleTargetRef, minReplicas } = of('HorizontalPodAutoscaler').spec as ScalerSpec;
  const { selector: serviceSelector, ports: servicePorts } = service.spec as ServiceSpec;
  const { labels } = template.metadata;
  const [container] = template.spec.containers;
  const env = new Map(container.env.map(({ name, value = '' }) => [name, value]));
  const ports = new Map<unknown, number>(
    container.ports.map(({ name, containerPort }) => [name, containerPort]),
  );
  const { readinessProbe = NO_PROBE, livenessProbe = NO_PROBE } = container;
  const [{ http }] = (ingress.spec as IngressSpec).rules;
  const { backend } = http.paths[0];
  const [servicePort] = servicePorts;
  const timeouts = ['read', 'send'].map((way) =>
    Number(ingress.metadata.annotations?.[`nginx.ingress.kubernetes.io/proxy-${way}-timeout`]),
  );
  const rules: readonly (readonly [boolean, string])[] = [
    [includes(labels, selector.matchLabels), 'the Deployment does not select its pods'],
    [includes(labels, serviceSelector), 'the Service does not select the pods'],
    [includes(labels, budgetSelector.matchLabels), 'the PodDisruptionBudget does not select the pods'],
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
      scaleTargetRef.kind === 'Deployment' && scaleTargetRef.name === deployment.metadata.name,
      'the HorizontalPodAutoscaler scales another object',
    ],
    [minReplicas <= replicas, 'fewer replicas than the autoscaler wants'],
    [
      backend.service.name === service.metadata.name && backend.service.port.name === servicePort.name,
      'the Ingress has no Service',
    ],
    [timeouts.every((seconds) => seconds > 60), 'the Ingress ends idle connections'],
    [strategy.rollingUpdate.maxUnavailable === 0, 'a deploy takes nodes away first'],
  ];
  return [
    ...rules.filter(([holds]) => !holds).map(([, complaint]) => complaint),
    ...drainComplaints(
      Object.fromEntries(env),
      template.spec.terminationGracePeriodSeconds * 1_000,
      (readinessProbe.periodSeconds ?? 10) * (readinessProbe.failureThreshold ?? 3) * 1_000,
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
