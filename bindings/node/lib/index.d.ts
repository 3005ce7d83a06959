/// <reference lib="es2022" />
/// <reference lib="esnext.disposable" />

import type {
  AppendCondition,
  AppendIfResult,
  AppendResult,
  Decision,
  EventQuery,
  EventRecord,
  NewEvent,
  QueryResult,
} from './types/facts.js';
import type { QueryExplanation, StoreStatistics } from './types/operating.js';
import type {
  DecideOptions,
  FactstrPostgresBootstrapOptions,
  OpenOptions,
  PostgresStoreOptions,
  RequestOptions,
  SqliteStoreOptions,
  StoreOptions,
  WaitOptions,
} from './types/options.js';
import type {
  BatchesOptions,
  DurableStream,
  DurableStreamOptions,
  EventRecordsHandle,
  EventStreamHandle,
  EventStreamSubscription,
  OpenBatch,
  StreamFromOptions,
  StreamOptions,
} from './types/streams.js';

export * from './types/errors.js';
export * from './types/facts.js';
export * from './types/operating.js';
export * from './types/options.js';
export * from './types/streams.js';

/**
 * The methods of every store. `Payload` is the type that the program expects of its payloads;
 * nothing checks it. Synchronous methods throw a FactstrError, the others reject with one.
 */
interface Store<Payload> {
  /** Returns after the batch is as durable as the store promises. */
  append(events: readonly NewEvent<Payload>[]): AppendResult;
  /**
   * The matching facts in ascending order, and the version of their context, both from one snapshot
   * of the log. null, undefined and {} ask for all.
   */
  query(query?: EventQuery | null): QueryResult<Payload>;
  /**
   * Appends only if the context version of `query` equals `expected`; null or undefined expects
   * that no event matches. Otherwise it returns the conflict and writes nothing. A Number is
   * refused: it cannot hold every sequence number.
   */
  appendIf(
    events: readonly NewEvent<Payload>[],
    query: EventQuery,
    expected?: bigint | null,
  ): AppendIfResult;

  /**
   * Appends only if every condition holds. Otherwise it returns the conflict, whose
   * `condition_index` names the first condition that does not, and writes nothing. Without
   * conditions it appends as `append`.
   */
  appendWhen(
    events: readonly NewEvent<Payload>[],
    conditions: readonly AppendCondition[],
  ): AppendIfResult;

  /** As `append`, without blocking the event loop; appends that wait together commit together. */
  appendAsync(
    events: readonly NewEvent<Payload>[],
    options?: RequestOptions | null,
  ): Promise<AppendResult>;
  /** As `query`, without blocking the event loop. */
  queryAsync(
    query?: EventQuery | null,
    options?: RequestOptions | null,
  ): Promise<QueryResult<Payload>>;
  /** As `appendIf`, without blocking the event loop. */
  appendIfAsync(
    events: readonly NewEvent<Payload>[],
    query: EventQuery,
    expected?: bigint | null,
    options?: RequestOptions | null,
  ): Promise<AppendIfResult>;

  /** As `appendWhen`, without blocking the event loop. */
  appendWhenAsync(
    events: readonly NewEvent<Payload>[],
    conditions: readonly AppendCondition[],
    options?: RequestOptions | null,
  ): Promise<AppendIfResult>;

  /**
   * Runs a command: queries the context, calls `fn` with the result, and appends what it returns on
   * the condition that the context has not changed. After a conflict it starts over, after a pause.
   * `fn` may be called several times, so it only decides. Resolves to undefined when `fn` returns
   * nothing to append; rejects with the conflict when all attempts are spent.
   */
  decide(
    query: EventQuery | null | undefined,
    fn: (seen: QueryResult<Payload>) => Decision<Payload> | Promise<Decision<Payload>>,
    options?: DecideOptions | null,
  ): Promise<AppendResult | undefined>;

  /** Sees every batch committed after it returned. */
  streamAll(
    handle: EventStreamHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  streamAll(
    handle: EventRecordsHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  /** As `streamAll`, with the matching facts of each batch that has any. */
  streamTo(
    query: EventQuery,
    handle: EventStreamHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  streamTo(
    query: EventQuery,
    handle: EventRecordsHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  /**
   * Starts after the stored cursor of the name. Resolves when everything that was committed before
   * the call has been handled; the stream then goes on live.
   */
  streamAllDurable(
    durableStream: DurableStream,
    handle: EventStreamHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamAllDurable(
    durableStream: DurableStream,
    handle: EventRecordsHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  /**
   * As `streamAllDurable`, with the matching facts of each batch that has any. A name stays with
   * its query.
   */
  streamToDurable(
    durableStream: DurableStream,
    query: EventQuery,
    handle: EventStreamHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamToDurable(
    durableStream: DurableStream,
    query: EventQuery,
    handle: EventRecordsHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;

  /**
   * Replays the matching batches above a number that the program keeps, and goes on live: after 0n
   * all, after the `position` of the last batch that it handled the rest. The store keeps no
   * cursor. A program that stores the position in the transaction in which it handles the batch
   * handles each one exactly once. Resolves and ends as `streamToDurable` does; `LogTruncated` if
   * the log does not reach the number.
   */
  streamFrom(
    after: bigint,
    query: EventQuery | null | undefined,
    handle: EventStreamHandle<Payload>,
    options?: StreamFromOptions | null,
  ): Promise<EventStreamSubscription>;
  streamFrom(
    after: bigint,
    query: EventQuery | null | undefined,
    handle: EventRecordsHandle<Payload>,
    options?: StreamFromOptions | null,
  ): Promise<EventStreamSubscription>;

  /**
   * The batches of a stream, for `for await`. It begins behind the number `after`, as `streamFrom`,
   * or at the cursor of `durable`, as `streamToDurable`; without both it delivers what is committed
   * from now on. The stream waits for the loop. Asking for the next batch acknowledges the one
   * before, and so does `batch.ack()`. Leaving the loop ends the stream, and does not acknowledge
   * the batch in hand: of a durable name it comes again. The loop throws the reason if the stream
   * fails.
   */
  stream(options?: BatchesOptions | null): AsyncGenerator<OpenBatch<Payload>, void, undefined>;

  /**
   * Resolves when the durable stream of this name has come to a sequence number, in whatever
   * process it runs: everything up to there was handled or does not match. So what a projection
   * made of an append can be read after it. The name need not be active, or known.
   */
  waitForCursor(name: string, number: bigint, options?: WaitOptions | null): Promise<void>;

  /**
   * The records of a query one after the other, in its order and in bounded memory, up to the head
   * that the log has when the iteration begins: `for await (const record of store.read(query))`.
   * Rejects with `LogTruncated` when the log was replaced meanwhile.
   */
  read(
    query?: EventQuery | null,
    options?: RequestOptions | null,
  ): AsyncIterable<EventRecord<Payload>>;

  /** Runs a query, and tells how it was answered instead of what it found. */
  explain(query?: EventQuery | null): Promise<QueryExplanation>;

  /** Counts and sizes of the store. A log that cannot be read is not an error here. */
  statistics(): Promise<StoreStatistics>;

  /**
   * Ends all streams and closes the store. Live streams first get what was committed before, within
   * `closeTimeoutMs`; if there is something to deliver, the store closes after this has returned,
   * as a PostgreSQL store with live streams always does. `closed` of the subscriptions tells when.
   * May be called again.
   */
  close(): void;
  [Symbol.dispose](): void;
  /** Closes, and waits until running handlers have settled. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Facts in memory, for the life of the instance. */
export declare class FactstrMemoryStore<Payload = unknown> {
  constructor(options?: StoreOptions | null);
}
export interface FactstrMemoryStore<Payload = unknown> extends Store<Payload> {}

/** Facts in a SQLite database, created when it does not exist. */
export declare class FactstrSqliteStore<Payload = unknown> {
  /** @param path file system path; '' and ':memory:' are refused */
  constructor(path: string, options?: SqliteStoreOptions | null);
  /** The same without blocking the event loop, for example while another program has a lock. */
  static open<Payload = unknown>(
    path: string,
    options?: (SqliteStoreOptions & OpenOptions) | null,
  ): Promise<FactstrSqliteStore<Payload>>;
}
export interface FactstrSqliteStore<Payload = unknown> extends Store<Payload> {}

/**
 * Facts in a PostgreSQL database, shared by many processes and hosts. The constructor and
 * `bootstrap` block the thread for as long as connecting takes; `open` and `bootstrapAsync` do not.
 * A lost connection is made again. No message contains the password or the URL.
 */
export declare class FactstrPostgresStore<Payload = unknown> {
  /**
   * Opens a database that exists, and creates what is missing in it.
   * @param url `postgres://user:password@host:5432/database?sslmode=require`, or keywords:
   * `host=... dbname=...`
   */
  constructor(url: string, options?: PostgresStoreOptions | null);
  /** The same without blocking the event loop. */
  static open<Payload = unknown>(
    url: string,
    options?: (PostgresStoreOptions & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Payload>>;
  /**
   * Creates the database when it does not exist, and opens it. Several processes may do so at once.
   */
  static bootstrap<Payload = unknown>(
    target: FactstrPostgresBootstrapOptions,
    options?: PostgresStoreOptions | null,
  ): FactstrPostgresStore<Payload>;
  /** The same without blocking the event loop. */
  static bootstrapAsync<Payload = unknown>(
    target: FactstrPostgresBootstrapOptions,
    options?: (PostgresStoreOptions & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Payload>>;
}
export interface FactstrPostgresStore<Payload = unknown> extends Store<Payload> {}

/** Settings of the whole process. Call it before the first store is opened. */
export declare function configure(settings: {
  /** A soft limit on the memory of the library's runtime. */
  memoryLimitBytes?: number | undefined;
  /** How many threads run the library's code at once. */
  processorsMax?: number | undefined;
}): void;
