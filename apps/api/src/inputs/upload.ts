import { DATASET_ROLES, type DatasetRole, UploadRefused } from '#jobs';
import { DomainError } from '#observability';
// For its types: requests that are read part by part.
import type {} from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';

/** One file of an upload, to be read before the next is asked for. */
export interface UploadedFile {
  role: DatasetRole;
  name: string;
  content: Readable;
}

export class MediaTypeUnsupported extends DomainError {
  constructor(detail: string) {
    super('MEDIA_TYPE_UNSUPPORTED', detail);
  }
}

export class UploadCut extends DomainError {
  constructor(cause: unknown) {
    super(
      'INPUT_UPLOAD_CUT',
      'The upload ended before its last byte. Nothing was kept; send it again.',
      {},
      [],
      {
        cause,
      },
    );
  }
}

/** Reads a multipart body as it arrives: each file with the role that was named before it. */
export async function* uploadedFiles(request: FastifyRequest): AsyncGenerator<UploadedFile> {
  if (!request.isMultipart()) throw new MediaTypeUnsupported('Send the files as multipart/form-data.');
  // The parser takes this for a fault of the program.
  if (!/;\s*boundary=/i.test(request.headers['content-type'] ?? '')) {
    throw new MediaTypeUnsupported('The Content-Type multipart/form-data must name its boundary.');
  }
  let role: DatasetRole | null = null;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') {
        if (part.fieldname === 'role') role = toRole(part.value);
        continue;
      }
      if (part.fieldname !== 'file') {
        throw new UploadRefused(
          'INPUT_FILE_MISSING',
          'Files come in fields named "file", each after a field "role".',
        );
      }
      // Without this, of two files and one role nobody could tell which is meant.
      if (role === null) {
        throw new UploadRefused(
          'INPUT_ROLE_INVALID',
          'Each field "file" comes after a field "role" of its own.',
        );
      }
      yield { role, name: toName(part.filename), content: part.file };
      role = null;
    }
  } finally {
    // After a refusal there is a body left that nobody reads: it goes, or the connection's next request never comes.
    request.raw.unpipe();
    request.raw.resume();
  }
}

export function toRole(value: unknown): DatasetRole {
  const role = DATASET_ROLES.find((known) => known === value);
  if (!role)
    throw new UploadRefused('INPUT_ROLE_INVALID', `role must be one of ${DATASET_ROLES.join(', ')}.`);
  return role;
}

/** The name is kept for people to see and never becomes a path; still, a name with a path in it is no file's name. */
export function toName(name: string): string {
  if (
    name === '' ||
    name.length > 255 ||
    /[/\\\p{Cc}]/u.test(name) ||
    !name.isWellFormed() ||
    /^\.{1,2}$/.test(name)
  ) {
    throw new UploadRefused(
      'INPUT_FILENAME_UNSAFE',
      'The file needs a plain name of 1 to 255 characters, without slashes and control characters.',
    );
  }
  return name;
}
