import { benchAuditVerify } from './audit/audit-verify.js';
import { benchImport } from './import/import.js';
import { benchOverhead } from './overhead/overhead.js';
import { benchQuotas } from './quotas/quotas.js';
import { type BenchReport, linesOf } from './report.js';
import { benchTenants } from './tenants/tenants.js';

/** Every benchmark: a name and what it runs. A new one is a line here. */
const BENCHES: Readonly<Record<string, (options: Readonly<Record<string, string>>) => Promise<BenchReport>>> =
  {
    'audit-verify': benchAuditVerify,
    import: benchImport,
    overhead: benchOverhead,
    quotas: benchQuotas,
    tenants: benchTenants,
  };

/** `npm run bench -- NAME [--json] [--OPTION VALUE]`: what it found; with --json, as the last line. */
async function main(args: readonly string[]): Promise<void> {
  const [name = '', ...rest] = args;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!bench) {
    process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')} [--json]\n`);
    process.exitCode = 2;
    return;
  }
  const report = await bench(optionsOf(rest));
  process.stdout.write(`${linesOf(report).join('\n')}\n`);
  if (rest.includes('--json')) process.stdout.write(`${JSON.stringify(report)}\n`);
}

function optionsOf(args: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  args.forEach((arg, index) => {
    const value = args[index + 1];
    if (arg.startsWith('--') && value !== undefined && !value.startsWith('--')) options[arg.slice(2)] = value;
  });
  return options;
}

await main(process.argv.slice(2));
