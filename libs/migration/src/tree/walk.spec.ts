import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, symlink, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isItem, read } from '../import/prepare.js';
import { aDocument, TestTree } from '../tree.fixture.js';
import { shardOf } from './names.js';
import { walk } from './walk.js';

let tree: TestTree;
beforeEach(async () => {
  tree = await TestTree.make();
});
afterEach(async () => {
  await tree.remove();
});

/** Path and what reading it gives: its tenant and job, or the reason against it. */
async function met(tenants: string[] | null = null): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const found of walk(tree.root, tenants)) {
    const file = read(found, tree.root);
    if (file === null) continue;
    const misplaced = found.isMisplaced ? ' misplaced' : '';
    all[found.path] = isItem(file) ? String(file.reasons[0]) : `${found.tenantId} ${found.jobId}${misplaced}`;
  }
  return all;
}

describe('shardOf', () => {
  it.each([
    ['job_0123', '01'],
    ['job_tc_ab', 'tc'],
    ['job_', 'jo'],
    ['job_a', 'a0'],
    ['a', 'a0'],
    ['JOB_ab', 'JO'],
    ['job_中文标识', '中文'],
    ['job_😀x', '😀x'],
  ])('of %s is %s', (id, shard) => {
    expect(shardOf(id)).toBe(shard);
  });
});

describe('the walk', () => {
  it('finds both layouts in every tenant, and no job in _admin', async () => {
    await tree.putJob('job_aa11');
    await tree.put('job_bb22/job.json', aDocument('job_bb22'));
    await tree.put('tenants/租户 A/cc/job_cc33/job.json', aDocument('job_cc33'));
    await tree.put('tenants/_admin/job_dd44/job.json', aDocument('job_dd44'));
    await tree.put('_admin/task_codes/job.json', {});
    await tree.put('ee/job_ee55/tmpabcdefgh', '{}');
    expect(await met()).toEqual({
      'aa/job_aa11/job.json': 'default job_aa11',
      'job_bb22/job.json': 'default job_bb22',
      'tenants/租户 A/cc/job_cc33/job.json': '租户 A job_cc33',
      'tenants/_admin/job_dd44/job.json': '_admin job_dd44',
    });
    expect(Object.keys(await met(['租户 A']))).toEqual(['tenants/租户 A/cc/job_cc33/job.json']);
  });

  it('lets the copy in the right shard be the job, even when it is broken', async () => {
    await tree.put('aa/job_aa11/job.json', '{');
    await tree.put('job_aa11/job.json', aDocument('job_aa11'));
    await tree.put('zz/job_aa11/job.json', aDocument('job_aa11'));
    await tree.put('zz/job_bb22/job.json', aDocument('job_bb22'));
    expect(await met()).toEqual({
      'aa/job_aa11/job.json': 'default job_aa11',
      'job_aa11/job.json': 'DUPLICATE_JOB',
      'zz/job_aa11/job.json': 'DUPLICATE_JOB',
      'zz/job_bb22/job.json': 'default job_bb22 misplaced',
    });
  });

  it('looks for jobs in a folder that is a job and a shard', async () => {
    await tree.put('aa/job.json', aDocument('aa'));
    await tree.put('aa/job_aa11/job.json', aDocument('job_aa11'));
    await tree.put('aa/inputs/job.json', '{}');
    expect(Object.keys(await met()).sort()).toEqual(['aa/job.json', 'aa/job_aa11/job.json']);
  });

  it.each([
    ['~x/job.json', 'JOB_ID_UNSAFE'],
    ['job_~x/job.json', 'JOB_ID_UNSAFE'],
    ['a\\b/job.json', 'JOB_ID_UNSAFE'],
    ['tenants/~t/aa/job_aa11/job.json', 'TENANT_ID_UNSAFE'],
  ])('takes no job from %s', async (path, reason) => {
    await tree.put(path, aDocument('job_aa11'));
    expect(await met()).toEqual({ [path]: reason });
  });

  it('follows links within the tree, and none out of it', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'ss-outside-'));
    const target = await tree.put('elsewhere/document', JSON.stringify(aDocument('job_aa11')));
    await mkdir(join(tree.root, 'aa/job_aa11'), { recursive: true });
    await symlink(target, join(tree.root, 'aa/job_aa11/job.json'));
    await mkdir(join(tree.root, 'aa/job_aa22'));
    await symlink('/etc/hostname', join(tree.root, 'aa/job_aa22/job.json'));
    await mkdir(join(tree.root, 'aa/job_aa33'));
    await symlink('nowhere', join(tree.root, 'aa/job_aa33/job.json'));
    await symlink(outside, join(tree.root, 'aa/job_aa44'));
    await symlink(outside, join(tree.root, 'bb'));
    await symlink('loop', join(tree.root, 'aa/loop'));
    await mkdir(join(tree.root, 'tenants'));
    await symlink(outside, join(tree.root, 'tenants/t'));
    expect(await met()).toEqual({
      'aa/job_aa11/job.json': 'default job_aa11',
      'aa/job_aa22/job.json': 'SYMLINK_ESCAPE',
      'aa/job_aa33/job.json': 'UNREADABLE',
      'aa/job_aa44/job.json': 'SYMLINK_ESCAPE',
      'aa/loop/job.json': 'UNREADABLE',
      'bb/job.json': 'SYMLINK_ESCAPE',
      'tenants/t/job.json': 'SYMLINK_ESCAPE',
    });
  });

  it('reads regular files of a bearable size', async () => {
    await mkdir(join(tree.root, 'aa/job_aa11/job.json'), { recursive: true });
    await truncate(await tree.putJob('job_aa22'), 16 * 1024 * 1024 + 1);
    const closed = await tree.putJob('job_aa33');
    await chmod(closed, 0o000);
    const all = await met();
    expect(all).toMatchObject({ 'aa/job_aa11/job.json': 'NOT_A_FILE', 'aa/job_aa22/job.json': 'TOO_LARGE' });
    // The superuser reads everything.
    const mayRead = process.getuid?.() === 0;
    expect(all['aa/job_aa33/job.json']).toBe(mayRead ? 'default job_aa33' : 'UNREADABLE');
  });
});
