/** The groups of routes, in the order in which people read them. One that is not here comes last, and without a word. */
export const TAGS: readonly { name: string; description: string }[] = [
  { name: 'jobs', description: 'One question and everything about it.' },
  { name: 'inputs', description: 'The datasets of a job.' },
  { name: 'draft', description: 'A proposed plan with its questions and assumptions, editable.' },
  { name: 'runs', description: 'The frozen plan, and the attempts to carry it out.' },
  { name: 'artifacts', description: 'The files that a job owns.' },
  { name: 'audit', description: 'Who did what, when and why.' },
  { name: 'keys', description: 'API keys of the tenant.' },
  { name: 'quota', description: 'What a tenant may use, and uses.' },
  { name: 'usage', description: 'What a tenant’s drafting has cost.' },
  { name: 'queues', description: 'Queues that can be paused.' },
  { name: 'status', description: 'The state of the deployment.' },
  { name: 'versions', description: 'The versions of the API.' },
  { name: 'legacy', description: 'The routes of the legacy service, until their sunset.' },
  { name: 'health', description: 'Probes; they ask for no key.' },
];
