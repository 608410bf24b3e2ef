import { readFileSync } from 'node:fs';

/**
 * A process that can be recognised again. The number alone is not enough: containers hand out the same small
 * numbers at every start, so a dead owner would look alive. Where there is no /proc, `mark` is empty.
 */
export interface LivingProcess {
  pid: number;
  mark: string;
}

export function identify(pid: number): LivingProcess {
  return { pid, mark: readStat(pid)?.mark ?? '' };
}

/** True while exactly this process runs; false for a zombie, and for a stranger that was given its number. */
export function isLiving({ pid, mark }: LivingProcess): boolean {
  if (!answersSignals(pid)) return false;
  const stat = readStat(pid);
  if (!stat) return true;
  if (stat.state === 'Z' || stat.state === 'X') return false;
  return mark === '' || stat.mark === mark;
}

/** What the kernel says about a process number, zombies and strangers included. PostgreSQL asks the same. */
export function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs, and belongs to somebody else
  }
}

function readStat(pid: number): { state: string; mark: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may itself hold blanks and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', mark: fields[19] ?? '' };
  } catch {
    return null;
  }
}
