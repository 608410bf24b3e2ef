import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { DOCUMENTED_MODELS } from './http/documented.js';

/** The OpenAPI document, made from the controllers and their bodies. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('SS')
    .setDescription(
      'Analysis jobs on PostgreSQL: data and a question go in, a plan is drafted, a person confirms it, a worker runs ' +
        'exactly that. Every error is a Problem Details body with a stable `code`.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key: ssctl key create' })
    .build();
  return SwaggerModule.createDocument(app, config, {
    extraModels: [...DOCUMENTED_MODELS],
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
}

/** `/openapi.json` and, for people, `/docs`. */
export function serveDocuments(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => describeApi(app), {
    jsonDocumentUrl: 'openapi.json',
    swaggerUiEnabled: true,
  });
}
