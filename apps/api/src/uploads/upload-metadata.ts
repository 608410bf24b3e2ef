import { DATASET_ROLES, type DatasetRole, UploadRefused } from '#jobs';
import { toName } from '../inputs/upload.js';

/** Reads `Upload-Metadata` of tus: pairs of a name and a value in base64, by commas. */
export function metadataOf(header: string | undefined): { name: string; role: DatasetRole } {
  const values = new Map(
    (header ?? '').split(',').map((pair): [string, string] => {
      const [key = '', value = ''] = pair.trim().split(' ');
      return [key, Buffer.from(value, 'base64').toString('utf8')];
    }),
  );
  return { name: toName(values.get('filename') ?? ''), role: toRole(values.get('role')) };
}

function toRole(value: string | undefined): DatasetRole {
  const role = DATASET_ROLES.find((known) => known === value);
  if (!role) {
    throw new UploadRefused(
      'INPUT_ROLE_INVALID',
      `Upload-Metadata needs filename and role, and role must be one of ${DATASET_ROLES.join(', ')}.`,
    );
  }
  return role;
}
