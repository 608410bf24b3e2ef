import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
}

/** An OIDC issuer on this machine, with keys of its own: it tells of them as a real one does, or fails on order. */
export class TestIssuer {
  readonly published: SigningKey[] = [];
  /** What it answers instead of keys: a status. */
  failsWith: number | null = null;
  /** Which addresses were asked for. */
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TestIssuer> {
    const server = createServer();
    const issuer = new TestIssuer(server);
    server.on('request', (request, response) => {
      issuer.asked.push(request.url ?? '');
      void issuer.answer(request.url ?? '').then((body) => {
        response.statusCode = issuer.failsWith ?? (body === null ? 404 : 200);
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await issuer.rotate('first');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  /** From now on tokens are signed by a new key; the old one is no longer told. */
  async rotate(kid: string): Promise<SigningKey> {
    const key = { kid, ...(await generateKeyPair('ES256', { extractable: true })) };
    this.published.splice(0, this.published.length, key);
    return key;
  }

  get key(): SigningKey {
    const [key] = this.published;
    if (!key) throw new Error('the issuer has no key');
    return key;
  }

  async token(
    claims: JWTPayload,
    { key = this.key, typ = 'at+jwt', alg = 'ES256' }: { key?: SigningKey; typ?: string; alg?: string } = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ iss: this.url, aud: 'ss', sub: 'ada', iat: now, exp: now + 300, ...claims })
      .setProtectedHeader({ alg, kid: key.kid, typ })
      .sign(key.privateKey);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(url: string): Promise<object | null> {
    if (url === '/.well-known/openid-configuration')
      return { issuer: this.url, jwks_uri: `${this.url}/keys` };
    if (url !== '/keys') return null;
    const keys = this.published.map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      ...{ kid, alg: 'ES256', use: 'sig' },
    }));
    return { keys: await Promise.all(keys) };
  }
}
