import { type DatasetRole, type Job, type JobInputs, type ReceivedDataset, UploadRefused } from '#jobs';
import type { TenantScope } from '#database';
import { DomainError } from '#observability';
import type { FastifyRequest } from 'fastify';
import { MediaTypeUnsupported, toName, toRole, UploadCut } from '../inputs/upload.js';
import { isCut } from '../inputs/inputs.controller.js';

/** What an upload brought; roles and names stand for themselves, before or after the files. */
interface Parts {
  received: ReceivedDataset[];
  roles: DatasetRole[];
  names: string[];
}

class CountMismatch extends DomainError {
  constructor(field: 'role' | 'filename', given: number, files: number) {
    super(
      field === 'role' ? 'INPUT_ROLE_COUNT_MISMATCH' : 'INPUT_FILENAME_COUNT_MISMATCH',
      `Send one field "${field}" a file, or none: there were ${String(given)} for ${String(files)} files.`,
    );
  }
}

/** Adds the files of a legacy upload to the job, all or none. */
export async function receiveLegacyUpload(
  inputs: JobInputs,
  scope: TenantScope,
  jobId: string,
  request: FastifyRequest,
): Promise<Job> {
  const ref = { tenantId: scope.tenantId, jobId };
  const parts: Parts = { received: [], roles: [], names: [] };
  try {
    await read(inputs, scope, jobId, request, parts);
    return (await inputs.add(scope, jobId, named(parts), null)).job;
  } catch (error) {
    await inputs.discard(ref, parts.received);
    throw isCut(error, request) ? new UploadCut(error) : error;
  } finally {
    // After a refusal there is a body left that nobody reads: it goes, or the connection's next request never comes.
    request.raw.unpipe();
    request.raw.resume();
  }
}

async function read(
  inputs: JobInputs,
  scope: TenantScope,
  jobId: string,
  request: FastifyRequest,
  { received, roles, names }: Parts,
): Promise<void> {
  const room = await inputs.open(scope, jobId, null);
  if (!request.isMultipart() || !/;\s*boundary=/i.test(request.headers['content-type'] ?? '')) {
    throw new MediaTypeUnsupported('Send the files as multipart/form-data.');
  }
  const ref = { tenantId: scope.tenantId, jobId };
  for await (const part of request.parts()) {
    if (part.type === 'field') {
      if (part.fieldname === 'role') roles.push(toRole(part.value));
      if (part.fieldname === 'filename') names.push(toName(String(part.value)));
    } else if (part.fieldname === 'file') {
      const file = { name: toName(part.filename), role: 'other' as const, content: part.file };
      received.push(await inputs.receive(ref, file, room));
    } else {
      throw new UploadRefused('INPUT_FILE_MISSING', 'Files come in fields named "file".');
    }
  }
  if (received.length === 0) throw new UploadRefused('INPUT_FILE_MISSING', 'The upload holds no file.');
}

/** The files with the roles and names of the same place. */
function named({ received, roles, names }: Parts): ReceivedDataset[] {
  const files = received.length;
  if (roles.length !== 0 && roles.length !== files) throw new CountMismatch('role', roles.length, files);
  if (names.length !== 0 && names.length !== files) throw new CountMismatch('filename', names.length, files);
  return received.map((dataset, place) => ({
    ...dataset,
    role: roles[place] ?? (place === 0 ? 'primary_dataset' : 'secondary_dataset'),
    original_name: names[place] ?? dataset.original_name,
  }));
}
