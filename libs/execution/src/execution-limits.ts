const MB = 1024 * 1024;

/** What one step may use. Sized so that a handful of steps fit beside each other on a small server. */
export const EXECUTION_LIMITS = {
  threads: 2,
  /** DuckDB's own budget; past it, DuckDB spills to disk. */
  duckdbMemoryBytes: 512 * MB,
  /** JavaScript's heap in the child: charts and workbooks. */
  heapMb: 512,
  /** The whole child, measured from inside: some allocations of DuckDB are not in its budget. */
  residentBytes: 1536 * MB,
  spillBytes: 2048 * MB,
  /** Everything that a step writes into its working folder, the loaded datasets included. */
  diskBytes: 8192 * MB,
  resultRows: 1_000_000,
  resultBytes: 256 * MB,
  previewRows: 20,
  chartRows: 50_000,
  chartBytes: 16 * MB,
  inputColumns: 2_000,
  outputFiles: 1_000,
  outputBytes: 1024 * MB,
  logBytes: MB,
} as const;

/** The same limits with other numbers: a deployment, or a test, may choose its own. */
export type ExecutionLimits = { readonly [name in keyof typeof EXECUTION_LIMITS]: number };
