import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiVersions } from './api-versions.js';
import { toVersionBody, VersionList } from './versions.body.js';

@ApiTags('versions')
@Controller('versions')
export class VersionsController {
  constructor(private readonly versions: ApiVersions) {}

  // Open to everyone, like the documents: who has to move should not need a key to find out.
  @Get()
  @ApiOperation({ summary: 'List the versions of the API, and until when each is answered', security: [] })
  @ApiOkResponse({ type: VersionList })
  list(): VersionList {
    return {
      items: this.versions.all.map((version) => toVersionBody(version, this.versions.isGone(version))),
      next_cursor: null,
    };
  }
}
