import { ApiKeys, DEFAULT_OVERLAP_SECONDS } from '#tenancy';
import { Body, Controller, Get, Header, HttpCode, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs } from '../http/auth.guard.js';
import { Documented, REPEATABLE } from '../http/documented.js';
import { KeyIdParam } from '../http/path-params.js';
import { ReasonRequest } from '../jobs/job.request.js';
import { CreateKeyRequest, KeyBody, KeyList, NewKeyBody, RotateKeyRequest } from './key.body.js';

const KEY_ID: MethodDecorator = ApiParam({ name: 'key_id', schema: { type: 'string' } });

/**
 * The keys of the caller's tenant. The answer that is kept for an `Idempotency-Key` is without the secret: who lost the
 * first one revokes that key and makes another.
 */
@ApiTags('keys')
@Documented()
@Needs('tenant:admin')
@Controller('v1/keys')
export class KeysController {
  constructor(private readonly keys: ApiKeys) {}

  @Get()
  @ApiOperation({ summary: 'List the keys of the tenant, and when each was last used' })
  @ApiOkResponse({ type: KeyList })
  async list(@Asks() asking: Asking): Promise<KeyList> {
    return { items: await this.keys.list(asking.scope()), next_cursor: null };
  }

  @Post()
  @REPEATABLE
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Make a key; it is shown this once' })
  @ApiCreatedResponse({ type: NewKeyBody })
  async create(@Asks() asking: Asking, @Body() body: CreateKeyRequest): Promise<NewKeyBody> {
    const wanted = { name: body.name, scopes: body.scopes, expiresAt: body.expires_at ?? null };
    const { key, apiKey } = await this.keys.createOnce(asking.scope(), wanted, asking.caller);
    return { ...apiKey, key };
  }

  @Post(':key_id/rotate')
  @REPEATABLE
  @Header('Cache-Control', 'no-store')
  @KEY_ID
  @ApiOperation({ summary: 'Make a key that may do the same; the old one ends when the overlap is over' })
  @ApiCreatedResponse({ type: NewKeyBody })
  async rotate(
    @Asks() asking: Asking,
    @KeyIdParam() keyId: string,
    @Body() body: RotateKeyRequest,
  ): Promise<NewKeyBody> {
    const overlap = body.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS;
    const { key, apiKey } = await this.keys.rotateOnce(asking.scope(), keyId, overlap, asking.caller);
    return { ...apiKey, key };
  }

  @Post(':key_id/revoke')
  @REPEATABLE
  @HttpCode(200)
  @KEY_ID
  @ApiOperation({ summary: 'End a key now, for a reason' })
  @ApiOkResponse({ type: KeyBody })
  async revoke(
    @Asks() asking: Asking,
    @KeyIdParam() keyId: string,
    @Body() { reason }: ReasonRequest,
  ): Promise<KeyBody> {
    return this.keys.revoke(asking.because(reason), keyId, asking.caller);
  }
}
