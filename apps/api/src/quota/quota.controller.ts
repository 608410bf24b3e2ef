import { QuotaReports } from '#jobs';
import { TenantNotFound, TenantQuotas, Tenants } from '#tenancy';
import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type Asking, Asks } from '../http/asking.js';
import { Needs, NeedsAnyKey } from '../http/auth.guard.js';
import { Documented } from '../http/documented.js';
import { TenantIdParam } from '../http/path-params.js';
import { PutQuotaRequest, QuotaBody, toQuotaBody, toWholeQuota } from './quota.body.js';

@ApiTags('usage')
@Documented()
@Controller('v1')
export class QuotaController {
  constructor(
    private readonly tenants: Tenants,
    private readonly quotas: TenantQuotas,
    private readonly reports: QuotaReports,
  ) {}

  @Get('quota')
  @NeedsAnyKey()
  @ApiOperation({ summary: 'What the tenant may use of the deployment, and what it uses now' })
  @ApiOkResponse({ type: QuotaBody })
  async get(@Asks() asking: Asking): Promise<QuotaBody> {
    return toQuotaBody(asking.caller.tenantId, await this.reports.of(asking.scope()));
  }

  @Put('tenants/:tenant_id/quota')
  @Needs('platform:admin')
  @ApiParam({ name: 'tenant_id', schema: { type: 'string' } })
  @ApiOperation({ summary: 'Set the whole quota of a tenant; it holds at once' })
  @ApiOkResponse({ type: QuotaBody })
  async put(
    @Asks() asking: Asking,
    @TenantIdParam() tenantId: string,
    @Body() body: PutQuotaRequest,
  ): Promise<QuotaBody> {
    const scope = { ...asking.scope(), tenantId };
    if (!(await this.tenants.exists(scope, tenantId))) throw new TenantNotFound(tenantId);
    await this.quotas.set(scope, toWholeQuota(body));
    return toQuotaBody(tenantId, await this.reports.of(scope));
  }
}
