import type { ApiVersion } from '../versions/api-version.js';
import type { ApiVersions } from '../versions/api-versions.js';
import { completeDocument } from './complete.js';
import { type Document, dropUnusedSchemas, operationsOf, type Paths } from './document.js';
import { TAGS } from './tags.js';

/** Out of the document of all routes, that of one version, complete. Probes and `/versions` stand in the current one's. */
export function documentOf(all: Document, versions: ApiVersions, version: ApiVersion): Document {
  const isCurrent = version.name === versions.current.name;
  const document: Document = {
    ...structuredClone(all),
    paths: structuredClone({
      ...inheritedPaths(all.paths, versions, version),
      ...pathsOf(all.paths, versions, version),
      ...(isCurrent ? pathsOf(all.paths, versions, null) : {}),
    }),
  };
  document.info = {
    ...all.info,
    version: version.name,
    contact: { name: 'Whoever operates this deployment' },
    description: `${all.info.description ?? ''}\n\n${version.about}`,
  };
  completeDocument(document, version);
  dropUnusedSchemas(document);
  document.tags = tagsOf(document.paths);
  return document;
}

function pathsOf(paths: Paths, versions: ApiVersions, version: ApiVersion | null): Paths {
  return Object.fromEntries(
    Object.entries(paths).filter(([path]) => (versions.find(path)?.name ?? null) === (version?.name ?? null)),
  );
}

/** The addresses that the version answers by the routes of the one before it. */
function inheritedPaths(paths: Paths, versions: ApiVersions, version: ApiVersion): Paths {
  if (version.inherits === null) return {};
  const older = versions.named(version.inherits);
  const own = pathsOf(paths, versions, version);
  const inherited = { ...inheritedPaths(paths, versions, older), ...pathsOf(paths, versions, older) };
  return Object.fromEntries(
    Object.entries(inherited).map(([path, operations]) => {
      const address = version.root + path.slice(older.root.length);
      return [address, { ...operations, ...own[address] }];
    }),
  );
}

function tagsOf(paths: Paths): { name: string }[] {
  const used = new Set([...operationsOf(paths)].flatMap(([, , { tags = [] }]) => tags));
  const listed = TAGS.filter(({ name }) => used.has(name));
  for (const { name } of listed) used.delete(name);
  return [...listed, ...[...used].sort().map((name) => ({ name }))];
}
