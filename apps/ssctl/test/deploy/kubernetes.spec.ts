import { readConfiguration } from '#configuration';
import { CHECK_BOUND_MS } from '#health';
import { describe, expect, it } from '@jest/globals';
import { CLOSING_MS as API_CLOSING_MS } from '../../../api/src/api-shutdown.js';
import { CLOSING_MS as WORKER_CLOSING_MS } from '../../../worker/src/worker.js';
import { documentsIn, textOf } from './checkout-files.js';
import { type Container, type Manifest, manifestOf, validated } from './manifests.js';

const BASE = documentsIn('deploy/kubernetes/base').map(({ file, document }) => ({
  file,
  manifest: manifestOf(document),
}));
const resources = BASE.filter(({ file }) => file !== 'kustomization.yaml');
const named = (kind: string, name: string): Manifest => {
  const found = resources.find(({ manifest }) => manifest.kind === kind && manifest.metadata?.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found.manifest;
};

/** What the image sets, and the Dockerfile's own test looks at. */
const IMAGE_ENV = { SS_HOST: '0.0.0.0', SS_DATA_DIR: '/data' };
const PROGRAMS = [
  { program: 'api', workload: named('Deployment', 'ss-api'), closingMs: API_CLOSING_MS },
  { program: 'worker', workload: named('Deployment', 'ss-worker'), closingMs: WORKER_CLOSING_MS },
] as const;

function podOf(workload: Manifest): NonNullable<NonNullable<Manifest['spec']>['template']>['spec'] {
  return workload.spec!.template!.spec;
}
const containerOf = (workload: Manifest): Container => podOf(workload).containers[0]!;

/** The environment as the kubelet makes it. What a Secret holds is an address here. */
function environmentOf(workload: Manifest): Record<string, string> {
  const { env = [], envFrom = [] } = containerOf(workload);
  const settings = envFrom.map(({ configMapRef }) => named('ConfigMap', configMapRef.name).data ?? {});
  const own = env.map(({ name, value, valueFrom }): [string, string] => {
    if (value !== undefined) return [name, value];
    const { name: secret, key } = valueFrom!.secretKeyRef;
    const text = named('Secret', secret).stringData?.[key];
    if (text === undefined) throw new Error(`${secret} has no ${key}`);
    return [name, text];
  });
  return Object.assign({ ...IMAGE_ENV }, ...settings, Object.fromEntries(own)) as Record<string, string>;
}

describe('the manifests for Kubernetes', () => {
  it.each(resources)('$file is what the schema of its kind asks for', ({ manifest }) => {
    expect(() => {
      validated(manifest);
    }).not.toThrow();
  });

  it('would not pass that with a field of another type', () => {
    const wrong = structuredClone(named('Deployment', 'ss-worker'));
    Object.assign(wrong.spec!, { replicas: 'two' });
    expect(() => {
      validated(wrong);
    }).toThrow(/replicas/);
  });

  it('name no namespace, and every resource is applied but the example of the secrets', () => {
    expect(resources.map(({ manifest }) => manifest.metadata?.namespace)).toEqual(
      resources.map(() => undefined),
    );
    const applied = BASE.find(({ file }) => file === 'kustomization.yaml')!.manifest.resources!;
    const files = [...new Set(resources.map(({ file }) => file))].sort();
    expect([...applied, 'secrets.example.yaml'].sort()).toEqual(files);
  });

  it('hold no secret: the example has words in place of passwords and of the key', () => {
    for (const { manifest } of resources.filter(({ manifest: { kind } }) => kind === 'Secret')) {
      for (const value of Object.values(manifest.stringData ?? {})) {
        expect(value).toMatch(
          /^(postgresql:\/\/[A-Z-]+:ITS-PASSWORD@DATABASE-HOST:5432\/ss|THE-KEY-IN-PEM)$/,
        );
      }
    }
  });

  it.each(PROGRAMS)(
    '$program reads its settings from them, without a fault or a warning',
    ({ program, workload }) => {
      const { warnings, configuration } = readConfiguration(program, environmentOf(workload));
      expect(warnings).toEqual([]);
      expect(configuration.databaseUrl).toContain(program.toUpperCase());
    },
  );

  it('are read by ssctl without a fault or a warning', () => {
    const { configuration, warnings } = readConfiguration(
      'ssctl',
      environmentOf(named('Job', 'ss-schema-deploy')),
    );
    expect([warnings, configuration.databaseUrl]).toEqual([[], expect.stringContaining('ADMIN')]);
  });

  it('have the ports on which the programs listen', () => {
    const [api, worker] = PROGRAMS.map(({ workload }) => containerOf(workload).ports![0]!);
    const read = environmentOf(PROGRAMS[0].workload);
    expect(api).toMatchObject({
      name: 'http',
      containerPort: readConfiguration('api', read).configuration.apiPort,
    });
    const { workerPort } = readConfiguration('worker', environmentOf(PROGRAMS[1].workload)).configuration;
    expect(worker).toMatchObject({ name: 'http', containerPort: workerPort });
    expect(named('Service', 'ss-api').spec).toMatchObject({ ports: [{ targetPort: 'http' }] });
  });

  it.each(PROGRAMS)('wait for $program for as long as it may take', ({ program, workload, closingMs }) => {
    const read = environmentOf(workload);
    const { startupProbe: startup, readinessProbe: ready, livenessProbe: live } = containerOf(workload);
    for (const [probe, path] of [
      [startup, '/health/startup'],
      [ready, '/health/ready'],
      [live, '/health/live'],
    ] as const) {
      expect(probe!.httpGet).toEqual({ path, port: 'http' });
      expect(probe!.timeoutSeconds * 1_000).toBeGreaterThan(CHECK_BOUND_MS);
    }
    const { databaseWaitSeconds } = readConfiguration(program, read).configuration;
    expect(startup!.periodSeconds * startup!.failureThreshold).toBeGreaterThan(databaseWaitSeconds + 10);

    const preStopSeconds = containerOf(workload).lifecycle?.preStop.sleep.seconds ?? 0;
    const own =
      program === 'api'
        ? readConfiguration('api', read).configuration
        : readConfiguration('worker', read).configuration;
    const graceSeconds =
      'apiShutdownGraceSeconds' in own
        ? own.apiShutdownDelaySeconds + own.apiShutdownGraceSeconds
        : own.workerShutdownGraceSeconds;
    expect(podOf(workload).terminationGracePeriodSeconds).toBeGreaterThan(
      preStopSeconds + graceSeconds + closingMs / 1_000,
    );
  });

  it('let the API go on serving until nobody sends it anything, and a worker stop at once', () => {
    const [api, worker] = PROGRAMS.map(({ workload }) => containerOf(workload).lifecycle);
    expect([api?.preStop.sleep.seconds, worker]).toEqual([expect.any(Number), undefined]);
    const { apiShutdownDelaySeconds } = readConfiguration(
      'api',
      environmentOf(PROGRAMS[0].workload),
    ).configuration;
    expect(apiShutdownDelaySeconds).toBeGreaterThan(0);
  });

  it('give a worker the memory that its steps may take', () => {
    const { workload } = PROGRAMS[1];
    const { workerConcurrency, stepMemoryMb } = readConfiguration(
      'worker',
      environmentOf(workload),
    ).configuration;
    const [, gib] = /^(\d+)Gi$/.exec(containerOf(workload).resources.limits.memory)!;
    expect(Number(gib) * 1_024).toBeGreaterThanOrEqual(workerConcurrency * stepMemoryMb + 1_024);
  });

  it.each([...PROGRAMS, { program: 'ssctl', workload: named('Job', 'ss-schema-deploy') }])(
    'run $program as nobody in particular, on a file system that it cannot write to',
    ({ workload }) => {
      expect(podOf(workload)).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(containerOf(workload).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const { volumeMounts } = containerOf(workload);
      expect(volumeMounts.map(({ mountPath }) => mountPath)).toEqual(
        expect.arrayContaining(['/data', '/tmp']),
      );
      const volumes = podOf(workload).volumes.map(({ name }) => name);
      expect(volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.sort());
    },
  );

  it('mount every folder that a setting names', () => {
    const { workload } = PROGRAMS[1];
    const { artifactsDir, auditCheckpointsDir, auditSigningKey } = readConfiguration(
      'worker',
      environmentOf(workload),
    ).configuration;
    const mounted = containerOf(workload).volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounted).toEqual(expect.arrayContaining([artifactsDir, auditCheckpointsDir]));
    expect(auditSigningKey).toBe(`${mounted.find((path) => path.startsWith('/etc/'))!}/signing-key.pem`);
  });

  it('keep a pod of each at work while nodes are emptied, and select the pods that they mean', () => {
    for (const { program, workload } of PROGRAMS) {
      const labels = workload.spec!.template!.metadata.labels;
      const selector = { matchLabels: labels };
      expect(workload.spec).toMatchObject({ selector });
      expect(named('PodDisruptionBudget', `ss-${program}`).spec).toMatchObject({
        maxUnavailable: 1,
        selector,
      });
      expect(named('NetworkPolicy', `ss-${program}`).spec).toMatchObject({ podSelector: selector });
    }
    expect(named('Service', 'ss-api').spec).toMatchObject({
      selector: PROGRAMS[0].workload.spec!.template!.metadata.labels,
    });
  });

  it('leave the number of pods to whoever scales them', () => {
    const [api, worker] = PROGRAMS.map(({ workload }) => workload);
    expect(named('HorizontalPodAutoscaler', 'ss-api').spec).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: api!.metadata!.name },
    });
    expect(api!.spec).not.toHaveProperty('replicas');
    const keda = documentsIn('deploy/kubernetes/keda').map(({ document }) => manifestOf(document));
    expect(keda.find(({ kind }) => kind === 'ScaledObject')!.spec).toMatchObject({
      scaleTargetRef: { name: worker!.metadata!.name },
      minReplicaCount: expect.any(Number),
      triggers: [{ metadata: { query: expect.stringContaining('ss_queue_oldest_age_seconds') } }],
    });
    expect(textOf('deploy/kubernetes/keda/kustomization.yaml')).toContain('path: /spec/replicas');
    expect(worker!.spec).toHaveProperty('replicas');
  });
});
