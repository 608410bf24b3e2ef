import { DeliveryNotFound, Webhooks } from '#webhooks';
import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  type PipeTransform,
  Post,
  Query,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { CursorInvalid, decodeCursor, encodeCursor } from '../http/cursor.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import {
  CreateWebhookRequest,
  DeliveryBody,
  DeliveryPageBody,
  EmptyRequest,
  ListDeliveriesQuery,
  NewWebhookBody,
  RotateWebhookRequest,
  WebhookBody,
  WebhookList,
} from './webhook.body.js';

const DEFAULT_TYPES = ['job.*'];
const DEFAULT_OVERLAP_SECONDS = 86_400;
const DEFAULT_PAGE = 50;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

class DeliveryIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    const text = String(value);
    if (!UUID.test(text)) throw new DeliveryNotFound(text.slice(0, 64));
    return text.toLowerCase();
  }
}

class WebhookIdPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    // What no id can be leads to no row, and a NUL to no statement.
    return String(value).replaceAll('\0', '').slice(0, 64);
  }
}

const WEBHOOK_ID: MethodDecorator = ApiParam({ name: 'webhook_id', schema: { type: 'string' } });
const DELIVERY_ID: MethodDecorator = ApiParam({
  name: 'delivery_id',
  schema: { type: 'string', format: 'uuid' },
});
const WebhookId = (): ParameterDecorator => Param('webhook_id', new WebhookIdPipe());

/** Where the caller's tenant is told what happens to its jobs. */
@ApiTags('webhooks')
@Documented()
@Needs('tenant:admin')
@Controller('v1/webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: Webhooks) {}

  @Get()
  @ApiOperation({ summary: 'List the webhooks of the tenant' })
  @ApiOkResponse({ type: WebhookList })
  async list(@Asks() asking: Asking): Promise<WebhookList> {
    return { items: await this.webhooks.list(asking.scope()), next_cursor: null };
  }

  @Post()
  @REPEATABLE
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make a webhook for what happens from now on; its secret is shown this once' })
  @ApiCreatedResponse({ type: NewWebhookBody })
  async create(@Asks() asking: Asking, @Body() body: CreateWebhookRequest): Promise<NewWebhookBody> {
    const wanted = {
      url: body.url,
      types: body.types ?? DEFAULT_TYPES,
      description: body.description ?? null,
    };
    const { webhook, secret } = await this.webhooks.create(asking.scope(), wanted);
    return { ...webhook, secret };
  }

  @Get(':webhook_id')
  @WEBHOOK_ID
  @ApiOperation({ summary: 'Read a webhook' })
  @ApiOkResponse({ type: WebhookBody })
  async get(@Asks() asking: Asking, @WebhookId() webhookId: string): Promise<WebhookBody> {
    return this.webhooks.get(asking.scope(), webhookId);
  }

  @Delete(':webhook_id')
  @HttpCode(204)
  @WEBHOOK_ID
  @ApiOperation({ summary: 'Remove a webhook with its deliveries; what is pending is not delivered' })
  @ApiNoContentResponse()
  async remove(@Asks() asking: Asking, @WebhookId() webhookId: string): Promise<void> {
    await this.webhooks.remove(asking.scope(), webhookId);
  }

  @Post(':webhook_id/rotate')
  @REPEATABLE
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @WEBHOOK_ID
  @ApiOperation({ summary: 'Make a new secret; the old one signs as well until the overlap is over' })
  @ApiOkResponse({ type: NewWebhookBody })
  async rotate(
    @Asks() asking: Asking,
    @WebhookId() webhookId: string,
    @Body() body: RotateWebhookRequest,
  ): Promise<NewWebhookBody> {
    const overlap = body.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS;
    const { webhook, secret } = await this.webhooks.rotate(asking.scope(), webhookId, overlap);
    return { ...webhook, secret };
  }

  @Post(':webhook_id/enable')
  @REPEATABLE
  @HttpCode(200)
  @WEBHOOK_ID
  @ApiOperation({ summary: 'Call a disabled webhook again, from where it was disabled' })
  @ApiOkResponse({ type: WebhookBody })
  async enable(
    @Asks() asking: Asking,
    @WebhookId() webhookId: string,
    @Body() _body: EmptyRequest,
  ): Promise<WebhookBody> {
    return this.webhooks.enable(asking.scope(), webhookId);
  }

  @Post(':webhook_id/test')
  @REPEATABLE
  @HttpCode(202)
  @WEBHOOK_ID
  @ApiOperation({ summary: 'Call the webhook with an event that says that it is a test' })
  @ApiAcceptedResponse({ type: DeliveryBody })
  async test(
    @Asks() asking: Asking,
    @WebhookId() webhookId: string,
    @Body() _body: EmptyRequest,
  ): Promise<DeliveryBody> {
    return this.webhooks.test(asking.scope(), webhookId);
  }

  @Get(':webhook_id/deliveries')
  @WEBHOOK_ID
  @ApiOperation({ summary: 'List what was delivered, is owed, or was given up, newest first' })
  @ApiOkResponse({ type: DeliveryPageBody })
  async deliveries(
    @Asks() asking: Asking,
    @WebhookId() webhookId: string,
    @Query() { status, cursor, limit = DEFAULT_PAGE }: ListDeliveriesQuery,
  ): Promise<DeliveryPageBody> {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    // One more than asked tells whether there is a next page.
    const page = { status, after, limit: limit + 1 };
    const rows = await this.webhooks.deliveries(asking.scope(), webhookId, page);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const more = rows.length > limit && last;
    return { items, next_cursor: more ? encodeCursor([last.created_at, last.delivery_id]) : null };
  }

  @Post(':webhook_id/deliveries/:delivery_id/replay')
  @REPEATABLE
  @HttpCode(202)
  @WEBHOOK_ID
  @DELIVERY_ID
  @ApiOperation({ summary: 'Call the webhook once more with the same event, under the same id' })
  @ApiAcceptedResponse({ type: DeliveryBody })
  async replay(
    @Asks() asking: Asking,
    @WebhookId() webhookId: string,
    @Param('delivery_id', new DeliveryIdPipe()) deliveryId: string,
    @Body() _body: EmptyRequest,
  ): Promise<DeliveryBody> {
    return this.webhooks.replay(asking.scope(), webhookId, deliveryId);
  }
}

function placeOf(cursor: string): { createdAt: string; deliveryId: string } {
  const [createdAt = '', deliveryId = ''] = decodeCursor(cursor, 2);
  if (!INSTANT.test(createdAt) || Number.isNaN(Date.parse(createdAt)) || !UUID.test(deliveryId))
    throw new CursorInvalid();
  return { createdAt, deliveryId };
}
