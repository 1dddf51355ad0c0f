// A plugin of TypeDoc: names the pages by their entry points, groups names by task, and checks that every event has a doc comment.
import { CommentTag, Converter, ReflectionKind } from 'typedoc';
import { taskOf } from './tasks.js';

/** @param {string} name A module as TypeDoc names it, such as `client/browser`. */
const entryPointOf = (name) => (name === 'index' ? 'hawser' : `hawser/${name.replace(/^.*\//, '')}`);

/** Declares the events of a class: each member is an event with the arguments of its listeners. */
const isEventMap = (/** @type {string} */ name) => /(?:Events|EventMap)$/.test(name);

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      module.name = entryPointOf(module.name);
      for (const each of module.children?.slice() ?? []) {
        // `WebSocket.RawData` and so on: second names of types, as @types/ws has them.
        if (each.kind === ReflectionKind.Namespace) project.removeReflection(each);
        else group(each, project);
      }
    }
  });

  /** @param {import('typedoc').DeclarationReflection} each @param {import('typedoc').ProjectReflection} project */
  function group(each, project) {
    const file = project.getSymbolIdFromReflection(each)?.packagePath;
    if (each.kind === ReflectionKind.Reference || file === undefined) return;
    const task = taskOf(file.replace(/^src\//, ''));
    for (const { comment } of [each, ...(each.signatures ?? [])])
      comment?.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: task }]));
    if (each.kind !== ReflectionKind.Interface || !isEventMap(each.name)) return;
    for (const event of each.children ?? [])
      if (!event.hasComment()) app.logger.warn(`${each.name}.${event.name}: the event has no doc comment`);
  }
}
