/** Where an S3-speaking server keeps the files, and how patient to be with it. Credentials come by the SDK's own chain. */
export interface S3Settings {
  bucket: string;
  /** Null: as the SDK finds it (AWS_REGION, the profile). */
  region: string | null;
  /** Null: Amazon's own. */
  endpoint: string | null;
  /** Before every key; may be empty. */
  prefix: string;
  /** `https://host/bucket/key` and not `https://bucket.host/key`: what servers other than Amazon's mostly want. */
  pathStyle: boolean;
  /** A connection on which nothing moves for so long is given up. */
  timeoutMs: number;
}
