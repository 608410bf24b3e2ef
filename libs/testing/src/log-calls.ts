import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** A call of a logger, as it stands in the source. */
export interface LogCall {
  place: string;
  level: string;
  /** The codes that it can say; more than one where both programs share the line. */
  codes: string[];
  /** The fields that can be read off the source: what is spread from elsewhere is not among them. */
  fields: string[];
}

const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
const LOGGER = /(^|\.)(log|logger)$/i;
const CODE = /^SS_[A-Z_]+$/;
/** What `events` of start and end is; see libs/health. */
const PROGRAMS = ['SS_API', 'SS_WORKER'];

/** The sources of programs and libs, without tests. */
export function sources(root: string): ts.SourceFile[] {
  return ['apps', 'libs'].flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter(
        (path) =>
          /^[^/]+\/src\/.*\.ts$/.test(path) &&
          !/(^testing\/|^chaos\/|\/generated\/|spec\.ts$|\.fixture\.ts$)/.test(path),
      )
      .map((path) => {
        const file = join(root, top, path);
        return ts.createSourceFile(
          relative(root, file),
          readFileSync(file, 'utf8'),
          ts.ScriptTarget.Latest,
          true,
        );
      }),
  );
}

export function logCallsIn(file: ts.SourceFile): LogCall[] {
  const found: LogCall[] = [];
  walk(file, (node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const { name, expression } = node.expression;
    if (!LEVELS.has(name.text) || !LOGGER.test(expression.getText(file))) return;
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    const told = node.arguments[0] && objectOf(node.arguments[0]);
    found.push({
      place: `${file.fileName}:${String(line + 1)}`,
      level: name.text,
      codes: told ? codesOf(told) : [],
      fields: told ? fieldsOf(told) : [],
    });
  });
  return found;
}

/** Every code that is the value of an `event`, in a log call or in what becomes one. */
export function codesIn(file: ts.SourceFile): string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (ts.isObjectLiteralExpression(node)) found.push(...codesOf(node));
  });
  return found;
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => {
    walk(child, visit);
  });
}

function codesOf(told: ts.ObjectLiteralExpression): string[] {
  const event = told.properties.find((property) => property.name?.getText() === 'event');
  if (!event) return [];
  const value = ts.isPropertyAssignment(event)
    ? event.initializer
    : ts.isShorthandPropertyAssignment(event)
      ? initializerOf(event.name)
      : undefined;
  return value ? codesOfValue(value) : [];
}

function codesOfValue(value: ts.Expression): string[] {
  if (ts.isConditionalExpression(value))
    return [...codesOfValue(value.whenTrue), ...codesOfValue(value.whenFalse)];
  if (ts.isTemplateExpression(value)) {
    const rest = value.templateSpans.map(({ literal }) => literal.text).join('');
    return PROGRAMS.map((program) => `${program}${rest}`);
  }
  return ts.isStringLiteral(value) && CODE.test(value.text) ? [value.text] : [];
}

function fieldsOf(told: ts.ObjectLiteralExpression): string[] {
  return told.properties.flatMap((property) => {
    if (!ts.isSpreadAssignment(property)) return [property.name.getText()];
    return objectsIn(property.expression).flatMap(fieldsOf);
  });
}

/** What may be spread: an object that stands there, either side of a condition, or a constant nearby. */
function objectsIn(expression: ts.Expression): ts.ObjectLiteralExpression[] {
  if (ts.isParenthesizedExpression(expression)) return objectsIn(expression.expression);
  if (ts.isConditionalExpression(expression))
    return [...objectsIn(expression.whenTrue), ...objectsIn(expression.whenFalse)];
  const object = objectOf(expression);
  return object ? [object] : [];
}

function objectOf(expression: ts.Expression): ts.ObjectLiteralExpression | undefined {
  if (ts.isObjectLiteralExpression(expression)) return expression;
  if (!ts.isIdentifier(expression)) return undefined;
  const value = initializerOf(expression);
  return value && ts.isObjectLiteralExpression(value) ? value : undefined;
}

/** What the nearest constant of this name begins with: the blocks around are looked through, from the inside out. */
function initializerOf(name: ts.Identifier): ts.Expression | undefined {
  for (let around: ts.Node = name.parent; ; around = around.parent) {
    let found: ts.Expression | undefined;
    if (ts.isBlock(around) || ts.isSourceFile(around)) {
      for (const statement of around.statements) {
        if (!ts.isVariableStatement(statement)) continue;
        for (const one of statement.declarationList.declarations)
          if (one.name.getText() === name.text) found = one.initializer;
      }
    }
    if (found) return found;
    if (ts.isSourceFile(around)) return undefined;
  }
}
