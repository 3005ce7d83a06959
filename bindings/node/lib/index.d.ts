/// <reference lib="es2022" />
/// <reference lib="esnext.disposable" />

import type {
  AnyEvents,
  AppendCondition,
  AppendIfResult,
  AppendResult,
  Decision,
  EventRecordOf,
  NewEventOf,
  QueryInput,
  QueryResult,
} from './types/facts.js';
import type { Backup, QueryExplanation, StoreStatistics, Verification } from './types/operating.js';
import type {
  DecideOptions,
  FileUrlLike,
  FactstrPostgresBootstrapOptions,
  OpenOptions,
  PostgresStoreOptions,
  ReadOptions,
  RequestOptions,
  SqliteStoreOptions,
  StoreOptions,
  WaitOptions,
} from './types/options.js';
import type {
  BatchesOptions,
  DurableCursor,
  DurableStream,
  DurableStreamOptions,
  EventRecordsHandle,
  EventStreamHandle,
  EventStreamSubscription,
  OpenBatch,
  ParkedBatch,
  StreamFromOptions,
  StreamOptions,
} from './types/streams.js';

export * from './types/errors.js';
export * from './types/facts.js';
export * from './types/operating.js';
export * from './types/options.js';
export * from './types/schema.js';
export * from './types/streams.js';

/**
 * The methods of every store. `Events` declares its events, `{ Deposited: { account: string } }`.
 * Nothing checks stored facts against it but the option `schemas`. Synchronous methods throw a
 * FactstrError, the others reject with one.
 */
export interface Store<Events = AnyEvents> {
  /** Returns after the batch is as durable as the store promises. */
  append(events: readonly NewEventOf<Events>[]): AppendResult;
  /**
   * The matching facts in ascending order, and the version of their context, both from one snapshot
   * of the log. null, undefined and {} ask for all.
   */
  query(query?: QueryInput<Events> | null): QueryResult<Events>;
  /**
   * Appends only if the context version of `query` equals `expected`; null or undefined expects
   * that no event matches. Otherwise it returns the conflict and writes nothing. A Number is
   * refused: it cannot hold every sequence number.
   */
  appendIf(
    events: readonly NewEventOf<Events>[],
    query: QueryInput<Events>,
    expected?: bigint | null,
  ): AppendIfResult;

  /**
   * Appends only if every condition holds. Otherwise it returns the conflict, whose
   * `condition_index` names the first condition that does not, and writes nothing. Without
   * conditions it appends as `append`.
   */
  appendWhen(
    events: readonly NewEventOf<Events>[],
    conditions: readonly AppendCondition<Events>[],
  ): AppendIfResult;

  /** As `append`, without blocking the event loop; appends that wait together commit together. */
  appendAsync(
    events: readonly NewEventOf<Events>[],
    options?: RequestOptions | null,
  ): Promise<AppendResult>;
  /** As `query`, without blocking the event loop. */
  queryAsync(
    query?: QueryInput<Events> | null,
    options?: RequestOptions | null,
  ): Promise<QueryResult<Events>>;
  /** As `appendIf`, without blocking the event loop. */
  appendIfAsync(
    events: readonly NewEventOf<Events>[],
    query: QueryInput<Events>,
    expected?: bigint | null,
    options?: RequestOptions | null,
  ): Promise<AppendIfResult>;

  /** As `appendWhen`, without blocking the event loop. */
  appendWhenAsync(
    events: readonly NewEventOf<Events>[],
    conditions: readonly AppendCondition<Events>[],
    options?: RequestOptions | null,
  ): Promise<AppendIfResult>;

  /**
   * Runs a command: queries the context, calls `fn` with the result, and appends what it returns on
   * the condition that the context has not changed. After a conflict it starts over, after a pause.
   * `fn` may be called several times, so it only decides. Resolves to undefined when `fn` returns
   * nothing to append; rejects with the conflict when all attempts are spent.
   */
  decide(
    query: QueryInput<Events> | null | undefined,
    fn: (seen: QueryResult<Events>) => Decision<Events> | Promise<Decision<Events>>,
    options?: DecideOptions | null,
  ): Promise<AppendResult | undefined>;

  /** Sees every batch committed after it returned. */
  streamAll(
    handle: EventStreamHandle<Events>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  streamAll(
    handle: EventRecordsHandle<Events>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  /** As `streamAll`, with the matching facts of each batch that has any. */
  streamTo(
    query: QueryInput<Events>,
    handle: EventStreamHandle<Events>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  streamTo(
    query: QueryInput<Events>,
    handle: EventRecordsHandle<Events>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  /**
   * Starts after the stored cursor of the name. Resolves when everything that was committed before
   * the call has been handled; the stream then goes on live.
   */
  streamAllDurable(
    durableStream: DurableStream,
    handle: EventStreamHandle<Events>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamAllDurable(
    durableStream: DurableStream,
    handle: EventRecordsHandle<Events>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  /**
   * As `streamAllDurable`, with the matching facts of each batch that has any. A name stays with
   * its query.
   */
  streamToDurable(
    durableStream: DurableStream,
    query: QueryInput<Events>,
    handle: EventStreamHandle<Events>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamToDurable(
    durableStream: DurableStream,
    query: QueryInput<Events>,
    handle: EventRecordsHandle<Events>,
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
    query: QueryInput<Events> | null | undefined,
    handle: EventStreamHandle<Events>,
    options?: StreamFromOptions | null,
  ): Promise<EventStreamSubscription>;
  streamFrom(
    after: bigint,
    query: QueryInput<Events> | null | undefined,
    handle: EventRecordsHandle<Events>,
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
  stream(
    options?: BatchesOptions<Events> | null,
  ): AsyncGenerator<OpenBatch<Events>, void, undefined>;

  /**
   * Resolves when the durable stream of this name has come to a sequence number, in whatever
   * process it runs: everything up to there was handled or does not match. So what a projection
   * made of an append can be read after it. The name need not be active, or known.
   */
  waitForCursor(name: string, number: bigint, options?: WaitOptions | null): Promise<void>;

  /**
   * The state of every durable name, wherever it is active, in the order of the names. The cursors
   * of this store's own subscriptions are stored first.
   */
  cursors(options?: RequestOptions | null): Promise<DurableCursor[]>;
  /**
   * Sets the cursor of a durable name: the next registration delivers what matches above `to`,
   * which is 0n for all and the head at most. Rejects with `DurableStreamActive` while somebody
   * holds the name, and with `InvalidArgument` if it is not known.
   */
  cursorReset(name: string, to: bigint, options?: RequestOptions | null): Promise<void>;
  /**
   * Gives the new name `to` the query and the cursor of `from`. Rejects with `DurableStreamActive`
   * while somebody holds either, and with `InvalidArgument` if `from` is not known, or `to` is.
   */
  cursorCopy(from: string, to: string, options?: RequestOptions | null): Promise<void>;
  /**
   * The batches that the durable stream of a name has put aside (`giveUp: 'park'`), in the order of
   * the log.
   */
  parked(name: string, options?: RequestOptions | null): Promise<ParkedBatch[]>;
  /**
   * Lets parked batches be delivered again, those at `positions` or all: by whoever holds the name,
   * within a second or so, else by its next registration, before its replay. Resolves with how many
   * there are. One that fails again stays parked.
   */
  redeliverParked(
    name: string,
    positions?: readonly bigint[] | null,
    options?: RequestOptions | null,
  ): Promise<number>;
  /** Removes parked batches, which nobody will handle then. Resolves with how many there were. */
  discardParked(
    name: string,
    positions?: readonly bigint[] | null,
    options?: RequestOptions | null,
  ): Promise<number>;
  /**
   * Forgets a durable name, which may then be registered anew with any query. Rejects with
   * `InvalidState` while it has parked batches.
   */
  cursorDelete(name: string, options?: RequestOptions | null): Promise<void>;

  /**
   * The records of a query one after the other, in its order and in bounded memory, up to the head
   * that the log has when the iteration begins: `for await (const record of store.read(query))`.
   * Rejects with `LogTruncated` when the log was replaced meanwhile.
   */
  read(
    query?: QueryInput<Events> | null,
    options?: ReadOptions | null,
  ): AsyncIterable<EventRecordOf<Events>>;

  /** Runs a query, and tells how it was answered instead of what it found. */
  explain(
    query?: QueryInput<Events> | null,
    options?: RequestOptions | null,
  ): Promise<QueryExplanation>;

  /**
   * Copies the log of a SQLite store into a new file while appends, queries and streams go on: a
   * database that can be opened as a store. It has its name when it is whole and synced; a backup
   * that is cancelled, fails or is killed leaves no file under that name. A file that exists is
   * refused. Other stores reject with `NotImplemented`, which says what to do.
   */
  backup(path: string | FileUrlLike, options?: RequestOptions | null): Promise<Backup>;

  /**
   * Reads the whole log, and reports what is wrong with it: missing numbers, damaged facts, batches
   * that are not whole, cursors that cannot be right, an index that does not agree with the facts,
   * and what SQLite's own check of the file finds. It changes nothing and runs beside everything
   * else. A damaged log gives findings and no error.
   */
  verify(options?: RequestOptions | null): Promise<Verification>;

  /** Counts and sizes of the store. A log that cannot be read is not an error here. */
  statistics(options?: RequestOptions | null): Promise<StoreStatistics>;

  /**
   * Ends all streams and closes the store. Live streams first get what was committed before, within
   * `closeTimeoutMs`; if there is something to deliver, the store closes after this has returned,
   * as a PostgreSQL store with live streams always does. `closed` of the subscriptions tells when.
   * May be called again.
   */
  close(): void;
  /**
   * The same without blocking the event loop. Resolves when the store is closed, its streams have
   * ended and running handlers have settled. If one is still running after `closeTimeoutMs`, it
   * rejects with `Timeout`, though the store is closed: so does a handler's own await of it.
   */
  closeAsync(): Promise<void>;
  [Symbol.dispose](): void;
  /** `closeAsync`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Facts in memory, for the life of the instance. */
export declare class FactstrMemoryStore<Events = AnyEvents> {
  constructor(options?: StoreOptions<Events> | null);
}
export interface FactstrMemoryStore<Events = AnyEvents> extends Store<Events> {}

/** Facts in a SQLite database, created when it does not exist. */
export declare class FactstrSqliteStore<Events = AnyEvents> {
  /** @param path file system path, or a file: URL; '' and ':memory:' are refused */
  constructor(path: string | FileUrlLike, options?: SqliteStoreOptions<Events> | null);
  /** The same without blocking the event loop, for example while another program has a lock. */
  static open<Events = AnyEvents>(
    path: string | FileUrlLike,
    options?: (SqliteStoreOptions<Events> & OpenOptions) | null,
  ): Promise<FactstrSqliteStore<Events>>;
}
export interface FactstrSqliteStore<Events = AnyEvents> extends Store<Events> {}

/**
 * Facts in a PostgreSQL database, shared by many processes and hosts. The constructor and
 * `bootstrap` block the thread for as long as connecting takes; `open` and `bootstrapAsync` do not.
 * A lost connection is made again. No message contains the password or the URL.
 */
export declare class FactstrPostgresStore<Events = AnyEvents> {
  /**
   * Opens a database that exists, and creates what is missing in it.
   * @param url `postgres://user:password@host:5432/database?sslmode=require`, or keywords:
   * `host=... dbname=...`
   */
  constructor(url: string, options?: PostgresStoreOptions<Events> | null);
  /** The same without blocking the event loop. */
  static open<Events = AnyEvents>(
    url: string,
    options?: (PostgresStoreOptions<Events> & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Events>>;
  /**
   * Creates the database when it does not exist, and opens it. Several processes may do so at once.
   */
  static bootstrap<Events = AnyEvents>(
    target: FactstrPostgresBootstrapOptions,
    options?: PostgresStoreOptions<Events> | null,
  ): FactstrPostgresStore<Events>;
  /** The same without blocking the event loop. */
  static bootstrapAsync<Events = AnyEvents>(
    target: FactstrPostgresBootstrapOptions,
    options?: (PostgresStoreOptions<Events> & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Events>>;
}
export interface FactstrPostgresStore<Events = AnyEvents> extends Store<Events> {}

/** Settings of the whole process. Call it before the first store is opened. */
export declare function configure(settings: {
  /** A soft limit on the memory of the library's runtime. */
  memoryLimitBytes?: number | undefined;
  /** How many threads run the library's code at once. */
  processorsMax?: number | undefined;
}): void;
