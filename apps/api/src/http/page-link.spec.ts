import { describe, expect, it } from '@jest/globals';
import { linksOf } from './page-link.interceptor.js';

describe('the links of a page', () => {
  it('lead to the first page and the next one, with everything else that was asked', () => {
    expect(linksOf('/v1/jobs?status=failed,queued&label=a%3Db&label=c%3Dd&cursor=old', 'new')).toBe(
      '</v1/jobs?status=failed%2Cqueued&label=a%3Db&label=c%3Dd&cursor=new>; rel="next", ' +
        '</v1/jobs?status=failed%2Cqueued&label=a%3Db&label=c%3Dd>; rel="first"',
    );
  });

  it('lead to no next page from the last one', () => {
    expect(linksOf('/v1/jobs', null)).toBe('</v1/jobs>; rel="first"');
  });

  it('hold no sign that would end the address', () => {
    expect(linksOf('/v1/jobs?text=%3E%22x', null)).toBe('</v1/jobs?text=%3E%22x>; rel="first"');
  });
});
