import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

export interface FingerprintedDataset {
  datasetKey: string;
  role: string;
  /** Of the bytes as they were uploaded, in hex. */
  sha256: string;
}

/**
 * What a plan's inputs are, in one word, whatever the order of upload; null when there are none.
 * Key and role count beside the bytes: the same SQL over two tables with their contents swapped is other work.
 */
export function fingerprint(datasets: readonly FingerprintedDataset[]): string | null {
  if (datasets.length === 0) return null;
  const lines = datasets
    .map(({ datasetKey, role, sha256 }) => canonicalJson({ dataset_key: datasetKey, role, sha256 }))
    .sort();
  return `sha256:${createHash('sha256')
    .update(`[${lines.join(',')}]`)
    .digest('hex')}`;
}
