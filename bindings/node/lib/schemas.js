'use strict';

const { invalidArgument, FactstrError, place } = require('./errors.js');

// Validators of payloads, by the type of their events: anything that has what the specification
// Standard Schema asks for (standardschema.dev). What a validator returns is what is stored, so
// that a fact holds the defaults of its time, and nothing that the schema does not know. It is
// written as JSON: with `validateReads` the same schema must take it in that form.

const ISSUES_MAX = 5; // told in a message; all are in its cause

function schemaOf(value, what) {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  const standard = isObject ? value['~standard'] : undefined;
  if (standard?.version !== 1 || typeof standard.validate !== 'function') {
    throw invalidArgument(
      `${what} must be a Standard Schema (version 1), as Zod, Valibot and ArkType make them`,
    );
  }
  return standard;
}

function issuesText(issues, what) {
  const texts = issues
    .slice(0, ISSUES_MAX)
    .map(({ path = [], message }) => `${place(what, path.map(keyOf))}: ${message}`);
  if (issues.length > ISSUES_MAX) {
    texts.push(`and ${issues.length - ISSUES_MAX} more`);
  }
  return texts.join('; ');
}

function keyOf(segment) {
  return typeof segment === 'object' && segment !== null ? segment.key : segment;
}

class Schemas {
  #schemas = new Map();

  constructor(schemas) {
    for (const [type, schema] of Object.entries(schemas)) {
      if (schema !== undefined && schema !== null) {
        this.#schemas.set(type, schemaOf(schema, place('options.schemas', [type])));
      }
    }
  }

  /**
   * Events to append, with the payloads that their validators return, or a promise of them when a
   * validator answers later. What is no event is left to encode.js.
   */
  #validated(events) {
    let isLater = false;
    const validated = Array.from(events, (event, i) => {
      const schema = this.#schemas.get(event?.event_type);
      if (schema === undefined) {
        return event;
      }
      const take = ({ value, issues }) => {
        if (issues) {
          throw invalidArgument(issuesText(issues, `events[${i}].payload`), issues);
        }
        return { event_type: event.event_type, payload: value };
      };
      const result = schema.validate(event.payload);
      if (typeof result?.then === 'function') {
        isLater = true;
        return Promise.resolve(result).then(take);
      }
      return take(result);
    });
    return isLater ? Promise.all(validated) : validated;
  }

  events(events) {
    if (!Array.isArray(events)) {
      return events;
    }
    const validated = this.#validated(events);
    if (validated instanceof Promise) {
      validated.catch(() => {}); // the caller gets another error
      throw invalidArgument(
        'events have a schema that validates asynchronously; use appendAsync, appendIfAsync or appendWhenAsync',
      );
    }
    return validated;
  }

  async eventsLater(events) {
    return Array.isArray(events) ? this.#validated(events) : events;
  }

  /** Puts what the validator returns in place of the payload of a record that was read. */
  read(record) {
    const schema = this.#schemas.get(record.event_type);
    if (schema === undefined) {
      return;
    }
    const result = schema.validate(record.payload);
    const what = `the payload of fact ${record.sequence_number}`;
    if (typeof result?.then === 'function') {
      Promise.resolve(result).catch(() => {});
      throw new FactstrError(
        'InvalidState',
        `${what} has a schema that validates asynchronously, which reading cannot wait for`,
      );
    }
    if (result.issues) {
      throw new FactstrError(
        'InvalidState',
        `${what} (${record.event_type}) is not as its schema says: ${issuesText(result.issues, 'payload')}`,
        { cause: result.issues },
      );
    }
    record.payload = result.value;
  }
}

/** The Schemas of an option, undefined without one. */
function schemasOf(value) {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgument('options.schemas must be an object of schemas by event type');
  }
  return new Schemas(value);
}

module.exports = { schemasOf };
