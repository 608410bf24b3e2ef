import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a group that was asked to end may take before it is ended. */
export const TERM_GRACE_MS = 2_000;
/** After SIGKILL nothing runs on; only entries that nobody reaped can still be there. */
const KILL_GRACE_MS = 1_000;
const POLL_MS = 20;

/** Ends a process and all it started, first by asking; returns when none of them is left. */
export async function endProcessGroup(groupId: number, graceMs = TERM_GRACE_MS): Promise<void> {
  if (!signalGroup(groupId, 'SIGTERM')) return;
  if (await isGoneWithin(groupId, graceMs)) return;
  signalGroup(groupId, 'SIGKILL');
  await isGoneWithin(groupId, KILL_GRACE_MS);
}

async function isGoneWithin(groupId: number, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (!signalGroup(groupId, 0) || !(await hasLivingMember(groupId))) return true;
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
}

/**
 * Whether any member still runs. Where nobody reaps orphans, in containers without an init say, their entries stay
 * and can be signalled for ever; only Linux's /proc can tell those apart.
 */
async function hasLivingMember(groupId: number): Promise<boolean> {
  const entries = await readdir('/proc').catch(() => null);
  if (entries === null) return true;
  for (const pid of entries) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // After the name, which may hold anything, come the state, the parent, and the group.
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (group === String(groupId) && state !== 'Z' && state !== 'X') return true;
  }
  return false;
}

/** False when there is nobody to be signalled. */
function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch {
    return false;
  }
}
