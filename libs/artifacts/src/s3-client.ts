import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { ArtifactNotFound, ArtifactStoreUnavailable, type StoreFault } from './artifact-refusals.js';
import type { S3Settings } from './s3-settings.js';

const CONNECT_MS = 5_000;
/** The first try and what follows it, with the SDK's own pauses. */
const MAX_ATTEMPTS = 4;
/** A slow reader holds its connection for as long as it reads: others must not wait for it. */
const MAX_SOCKETS = 500;
/** Amazon signs for some region, and other servers take any. */
const ANY_REGION = 'us-east-1';

export function s3Client({ region, endpoint, pathStyle, timeoutMs }: S3Settings): S3Client {
  const signedFor = region ?? (endpoint === null ? null : ANY_REGION);
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  return new S3Client({
    ...(signedFor === null ? {} : { region: signedFor }),
    ...(endpoint === null ? {} : { endpoint }),
    forcePathStyle: pathStyle,
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, timeoutMs),
      socketTimeout: timeoutMs,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
  });
}

const FAULTS: Readonly<Record<string, StoreFault>> = {
  AccessDenied: 'access_denied',
  CredentialsProviderError: 'access_denied',
  InvalidAccessKeyId: 'access_denied',
  SignatureDoesNotMatch: 'access_denied',
  ExpiredToken: 'access_denied',
  NoSuchBucket: 'missing',
};

/** What the connection says when it fails; the SDK may tell it in its own words around these. */
const OF_NETWORK =
  /\b(ECONN[A-Z]+|ENOTFOUND|EAI_[A-Z]+|EPIPE|EHOST[A-Z]+|ENETUNREACH|ETIMEDOUT|EPROTO|TimeoutError|socket hang up)\b/;

/** Tells what went wrong in words of ours. An answer to HEAD has no body, so that its status alone speaks. */
export function toldByS3(error: unknown): unknown {
  if (!isErrorLike(error)) return error;
  const fault = FAULTS[error.name];
  if (fault) return new ArtifactStoreUnavailable(fault, error);
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  if (status === 404) return new ArtifactNotFound();
  if (status === 401 || status === 403) return new ArtifactStoreUnavailable('access_denied', error);
  const code = 'code' in error ? String(error.code) : '';
  const isOutage =
    status === undefined
      ? OF_NETWORK.test(`${error.name} ${code} ${error.message}`)
      : status >= 500 || status === 429;
  return isOutage ? new ArtifactStoreUnavailable('unreachable', error) : error;
}

/** Not by `instanceof`, which knows no error of another realm. */
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'name' in error && 'message' in error;
}
