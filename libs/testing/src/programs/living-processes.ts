import { readdir, readFile } from 'node:fs/promises';

export interface LivingProcess {
  pid: number;
  parent: number;
  command: string;
}

/** Every process that lives (zombies do not), from /proc. */
export async function livingProcesses(): Promise<LivingProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(describe));
  return all.filter((found) => found !== null);
}

/** The processes that a program started, directly or through others. */
export async function descendantsOf(pid: number): Promise<LivingProcess[]> {
  const all = await livingProcesses();
  const found: LivingProcess[] = [];
  const parents = new Set([pid]);
  for (let before = -1; before !== found.length;) {
    before = found.length;
    for (const process of all) {
      if (parents.has(process.pid) || !parents.has(process.parent)) continue;
      parents.add(process.pid);
      found.push(process);
    }
  }
  return found;
}

/** Which of these live still; by pid and command, since pids are used again. */
export async function survivorsOf(processes: readonly LivingProcess[]): Promise<LivingProcess[]> {
  const all = await livingProcesses();
  return processes.filter(({ pid, command }) =>
    all.some((now) => now.pid === pid && now.command === command),
  );
}

async function describe(pid: string): Promise<LivingProcess | null> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // After the name, which may hold anything, come the state and the parent.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return null;
    return { pid: Number(pid), parent: Number(parent), command: command.replaceAll('\0', ' ') };
  } catch {
    return null;
  }
}
