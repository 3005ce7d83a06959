// Facts, and what is asked of them.

/** A fact to append. */
export interface NewEvent<Payload = unknown> {
  event_type: string;
  /**
   * Any value that JSON can hold; a BigInt is written as the integer that it is. A value that
   * JSON.stringify would silently turn into another one is refused: NaN, Infinity, undefined in
   * arrays, functions, symbols, Map, Set, Error, typed arrays, instances without properties of
   * their own.
   */
  payload: Payload;
}

/** A stored fact. */
export interface EventRecord<Payload = unknown> {
  sequence_number: bigint;
  /**
   * When it was recorded: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Do not order by it: order by
   * `sequence_number`.
   */
  occurred_at: string;
  event_type: string;
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
export interface EventFilter {
  event_types?: string[] | null | undefined;
  /**
   * A payload matches when it contains the predicate: objects by subset, arrays by containment,
   * scalars by equality (numbers by exact value; BigInt too).
   */
  payload_predicates?: unknown[] | null | undefined;
}

export interface EventQuery {
  /** Alternatives. Absent or empty: all events. */
  filters?: EventFilter[] | null | undefined;
  /** Exclusive read cursor: only rows above it are returned. Contexts and streams ignore it. */
  min_sequence_number?: bigint | null | undefined;
  /** Returns at most so many rows, the lowest sequence numbers first. */
  limit?: number | bigint | null | undefined;
  /** Returns the newest first, with a limit the newest ones. Contexts and streams ignore it. */
  backwards?: boolean | null | undefined;
}

/** Fails if a fact that `fail_if_events_match` matches has a sequence number above `after`. */
export interface AppendCondition {
  /** Its cursor and limit do not narrow the context. */
  fail_if_events_match: EventQuery;
  /** Usually the number up to which you have read; absent: no fact at all may match. */
  after?: bigint | null | undefined;
}

export interface QueryResult<Payload = unknown> {
  event_records: EventRecord<Payload>[];
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
export type Decision<Payload = unknown> = readonly NewEvent<Payload>[] | null | undefined | void;

/** Exactly one of the two is present. */
export interface AppendIfResult {
  append_result?: AppendResult | null | undefined;
  conflict?: ConditionalAppendConflict | null | undefined;
}
