import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, PersistentVolumeClaim, Secret, Service } from 'kubernetes-models/v1';

interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

export interface Container {
  ports?: { name: string; containerPort: number }[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  envFrom?: { configMapRef: { name: string } }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  securityContext: object;
  resources: { limits: { memory: string } };
  volumeMounts: { name: string; mountPath: string }[];
}

/** What the tests look at. Whether the rest is as it has to be, {@link validated} says. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata?: { name: string; namespace?: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  resources?: string[];
  spec?: {
    template?: {
      metadata: { labels: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds?: number;
        containers: Container[];
        volumes: { name: string }[];
      };
    };
  };
}

/** Of every kind that Kubernetes itself has: the schema of its API. */
const MODELS = {
  'apps/v1 Deployment': Deployment,
  'autoscaling/v2 HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'batch/v1 Job': Job,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'v1 ConfigMap': ConfigMap,
  'v1 PersistentVolumeClaim': PersistentVolumeClaim,
  'v1 Secret': Secret,
  'v1 Service': Service,
} as const;

export function manifestOf(document: unknown): Manifest {
  if (typeof document !== 'object' || document === null || !('kind' in document)) {
    throw new Error(`no manifest: ${JSON.stringify(document)}`);
  }
  // Fields are looked at one by one, and the schema of the API checks them all.
  return document as Manifest;
}

/** Throws unless the manifest is what the API server's schema of its kind asks for. */
export function validated(manifest: Manifest): void {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  const model = Object.entries(MODELS).find(([name]) => name === kind)?.[1];
  if (!model) throw new Error(`no schema for ${kind}`);
  // The constructor takes what it is given; `validate` is what tells.
  new (model as new (data: unknown) => { validate(): void })(manifest).validate();
}
