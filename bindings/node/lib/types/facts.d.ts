// Facts, and what is asked of them.

/** The events of a store for which nobody declared any: every type, every payload. */
export type AnyEvents = Record<string, unknown>;

/** The names of declared events. */
export type EventTypeOf<Events> = Extract<keyof Events, string>;

/** A fact to append that is one of the declared events; a union that `event_type` tells apart. */
export type NewEventOf<Events> = ValueOf<{
  [Type in keyof Events]: Type extends string ? NewEvent<Events[Type], Type> : never;
}>;

/** A stored fact that is one of the declared events; a union that `event_type` tells apart. */
export type EventRecordOf<Events> = ValueOf<{
  [Type in keyof Events]: Type extends string ? EventRecord<Events[Type], Type> : never;
}>;

// As `Map[keyof Map]`, but so that a store of declared events can be given for a store of any: the
// compiler takes what is indexed by `keyof` for invariant, and looks into this.
type ValueOf<Map> = Map extends Record<string, infer Value> ? Value : never;

/** The declaration for a store from a union of events: `EventsOf<Deposited | Withdrawn>`. */
export type EventsOf<Event extends { event_type: string; payload: unknown }> = {
  [Type in Event['event_type']]: Extract<Event, { event_type: Type }>['payload'];
};

/** A fact to append. */
export interface NewEvent<Payload = unknown, Type extends string = string> {
  event_type: Type;
  /**
   * Any value that JSON can hold; a BigInt is written as the integer that it is. A value that
   * JSON.stringify would silently turn into another one is refused: NaN, Infinity, undefined in
   * arrays, functions, symbols, Map, Set, Error, typed arrays, instances without properties of
   * their own.
   */
  payload: Payload;
}

/** A stored fact. */
export interface EventRecord<Payload = unknown, Type extends string = string> {
  sequence_number: bigint;
  /**
   * When it was recorded: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Do not order by it: order by
   * `sequence_number`.
   */
  occurred_at: string;
  event_type: Type;
  /**
   * An integer that a Number cannot hold exactly, such as 9007199254740993n, is a BigInt. Any other
   * number that a Number cannot hold exactly makes reading fail with `InvalidState`; with the
   * option `rawPayloads` the payload is its JSON text.
   */
  payload: Payload;
}

/**
 * Matches an event that has one of the types AND matches one of the predicates. An absent field
 * does not constrain; an empty array matches nothing.
 */
export interface EventFilter<Events = AnyEvents> {
  event_types?: EventTypeOf<Events>[] | null | undefined;
  /**
   * A payload matches when it contains the predicate: objects by subset, arrays by containment,
   * scalars by equality (numbers by exact value; BigInt too).
   */
  payload_predicates?: PayloadPredicate<Events[EventTypeOf<Events>]>[] | null | undefined;
}

/** A part of a payload. */
export type PayloadPredicate<Payload> = unknown extends Payload
  ? unknown
  : Payload extends { toJSON(...given: never[]): infer Written }
    ? Payload | PayloadPredicate<Written>
    : Payload extends readonly (infer Element)[]
      ? readonly PayloadPredicate<Element>[]
      : Payload extends object
        ? { readonly [Key in keyof Payload]?: PayloadPredicate<Payload[Key]> | undefined }
        : Payload extends number
          ? Payload | bigint
          : Payload;

export interface EventQuery<Events = AnyEvents> {
  /** Alternatives. Absent or empty: all events. */
  filters?: EventFilter<Events>[] | null | undefined;
  /** Exclusive read cursor: only rows above it are returned. Contexts and streams ignore it. */
  min_sequence_number?: bigint | null | undefined;
  /** Returns at most so many rows, the lowest sequence numbers first. */
  limit?: number | bigint | null | undefined;
  /** Returns the newest first, with a limit the newest ones. Contexts and streams ignore it. */
  backwards?: boolean | null | undefined;
}

type ReadonlyDeep<Value> = Value extends readonly (infer Element)[]
  ? readonly ReadonlyDeep<Element>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> }
    : Value;

/** What the methods take for a query: an EventQuery, or one that `as const` made readonly. */
export type QueryInput<Events = AnyEvents> = ReadonlyDeep<EventQuery<Events>>;

/** Fails if a fact that `fail_if_events_match` matches has a sequence number above `after`. */
export interface AppendCondition<Events = AnyEvents> {
  /** Its cursor and limit do not narrow the context. */
  fail_if_events_match: QueryInput<Events>;
  /** Usually the number up to which you have read; absent: no fact at all may match. */
  after?: bigint | null | undefined;
}

export interface QueryResult<Events = AnyEvents> {
  event_records: EventRecordOf<Events>[];
  /** The sequence number of the last returned row; absent when there are none. */
  last_returned_sequence_number?: bigint | null | undefined;
  /**
   * The highest sequence number in the whole matching context, whatever the cursor and limit;
   * absent when nothing matches.
   */
  current_context_version?: bigint | null | undefined;
}

export interface AppendResult {
  first_sequence_number: bigint;
  last_sequence_number: bigint;
  committed_count: bigint;
}

export interface ConditionalAppendConflict {
  expected_context_version?: bigint | null | undefined;
  actual_context_version?: bigint | null | undefined;
  /** Which condition of `appendWhen` does not hold; absent after `appendIf`. */
  condition_index?: number | undefined;
}

/** What `fn` of `decide` returns: the events to append, if any. */
export type Decision<Events = AnyEvents> = readonly NewEventOf<Events>[] | null | undefined | void;

/** Exactly one of the two is present: `if (answer.conflict)` tells them apart. */
export type AppendIfResult =
  | { append_result: AppendResult; conflict?: null | undefined }
  | { append_result?: null | undefined; conflict: ConditionalAppendConflict };
