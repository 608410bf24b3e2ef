import { HEALTH_REPORT_SCHEMAS } from '#health';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { describeHeaders } from './http/described-headers.js';
import { DOCUMENTED_MODELS } from './http/documented.js';
import { LegacyRefusalBody } from './legacy-routes/documented-legacy.js';
import type { Document } from './openapi/document.js';
import { documentOf } from './openapi/version-document.js';
import { type ApiVersion, documentAddress } from './versions/api-version.js';
import type { ApiVersions } from './versions/api-versions.js';

/** The OpenAPI document, made from the controllers and their bodies. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('SS')
    .setDescription(
      'Analysis jobs on PostgreSQL: data and a question go in, a plan is drafted, a person confirms it, a worker runs ' +
        'exactly that. Every error is a Problem Details body with a stable `code`.',
    )
    .setVersion('v1')
    .addServer('/', 'This deployment')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'ssk.…',
      description: 'An API key: ssctl key create',
    })
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    extraModels: [...DOCUMENTED_MODELS, LegacyRefusalBody],
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
  describeProbes(document);
  describeHeaders(document);
  // For whoever watches the programs, not for clients of the API.
  delete document.paths['/metrics'];
  return document;
}

const PROBES = {
  '/health/live': { summary: 'Tell that the process answers', down: 'It does not.' },
  '/health/startup': { summary: 'Tell whether the program has begun its work', down: 'It has not.' },
  '/health/ready': {
    summary: 'Tell whether the program can do its work now',
    down: 'It cannot: `error` names each dependency that is missing, and why.',
  },
} as const;

/** The probes belong to both programs, whose lib knows nothing of documents. They ask for no key. */
function describeProbes(document: OpenAPIObject): void {
  const report = (status: 200 | 503): object => ({
    'application/json': { schema: HEALTH_REPORT_SCHEMAS[status] },
  });
  for (const [path, { summary, down }] of Object.entries(PROBES)) {
    const operation = document.paths[path]?.get;
    if (!operation) continue;
    Object.assign(operation, {
      summary,
      tags: ['health'],
      security: [],
      responses: {
        200: { description: 'It does.', content: report(200) },
        503: { description: down, content: report(503) },
      },
    });
  }
}

/** The documents of all versions, each made when it is first asked for. */
export class ApiDocuments {
  private readonly made = new Map<string, Document>();
  private all: Document | null = null;

  constructor(
    private readonly app: NestFastifyApplication,
    private readonly versions: ApiVersions,
  ) {}

  of(version: ApiVersion): Document {
    // Nest's type of the document says the same with more words.
    this.all ??= describeApi(this.app) as unknown as Document;
    const document = this.made.get(version.name) ?? documentOf(this.all, this.versions, version);
    this.made.set(version.name, document);
    return document;
  }
}

/** `/openapi.json` of the current version, `/openapi/<version>.json` of each and, for people, `/docs`. */
export function serveDocuments(app: NestFastifyApplication, versions: ApiVersions): void {
  const documents = new ApiDocuments(app, versions);
  // As above.
  const current = (): OpenAPIObject => documents.of(versions.current) as unknown as OpenAPIObject;
  SwaggerModule.setup('docs', app, current, {
    jsonDocumentUrl: 'openapi.json',
    swaggerUiEnabled: true,
    explorer: true,
    swaggerOptions: {
      urls: [versions.current, ...versions.all.filter(({ name }) => name !== versions.current.name)].map(
        (version) => ({ name: version.name, url: documentAddress(version) }),
      ),
    },
  });
  const fastify = app.getHttpAdapter().getInstance();
  for (const version of versions.all)
    fastify.get(documentAddress(version), (_request, reply) => reply.send(documents.of(version)));
}
