import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

/** A signed word on the chain: up to this segment, it had this hash. Kept outside, it tells a chain that was remade. */
export interface Checkpoint {
  segmentNo: number;
  segmentHash: Buffer;
  keyId: string;
  signature: Buffer;
}

/** Signs checkpoints with an Ed25519 key (RFC 8032). */
export class CheckpointSigner {
  readonly publicKey: KeyObject;
  readonly keyId: string;

  private constructor(private readonly privateKey: KeyObject) {
    this.publicKey = createPublicKey(privateKey);
    this.keyId = keyIdOf(this.publicKey);
  }

  /** From a private key in PKCS #8, PEM. Throws for any other kind of key. */
  static fromPem(pem: string): CheckpointSigner {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('the key that signs the audit is not an Ed25519 key');
    return new CheckpointSigner(key);
  }

  sign(segment: Pick<Checkpoint, 'segmentNo' | 'segmentHash'>): Checkpoint {
    const { segmentNo, segmentHash } = segment;
    return { segmentNo, segmentHash, ...this.signStatement(statement(segment)) };
  }

  /** Signs anything else that the audit has to say. Each kind of statement begins with a name of its own. */
  signStatement(bytes: Buffer): Pick<Checkpoint, 'keyId' | 'signature'> {
    return { keyId: this.keyId, signature: sign(null, bytes, this.privateKey) };
  }
}

/** A new private key, as PEM. */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;
}

export function isSignedBy(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  return isStatementSignedBy(statement(checkpoint), checkpoint, publicKey);
}

export function isStatementSignedBy(
  bytes: Buffer,
  { keyId, signature }: Pick<Checkpoint, 'keyId' | 'signature'>,
  publicKey: KeyObject,
): boolean {
  return keyId === keyIdOf(publicKey) && verify(null, bytes, publicKey, signature);
}

function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/** The bytes that are signed. */
function statement({ segmentNo, segmentHash }: Pick<Checkpoint, 'segmentNo' | 'segmentHash'>): Buffer {
  return Buffer.from(JSON.stringify(['ss-audit-checkpoint', 1, segmentNo, segmentHash.toString('hex')]));
}
