import type { FactstrError } from './errors.js';
import type { StreamProgress } from './streams.js';

/** A record of what a store logs: what no caller is told. Act on `event`, never on the message. */
export interface LogRecord {
  /** `YYYY-MM-DDTHH:MM:SS.ffffffZ` */
  time: string;
  level: 'info' | 'warning' | 'error';
  /**
   * From the closed set in docs/operating.md, such as `handler_failed`, `stream_ended`,
   * `connection_lost`.
   */
  event: string;
  message: string;
  /**
   * Depends on the event: `durable_name`, `error`, `code`, `stack`, ... Numbers of facts (`first`,
   * `last`, `position`, `through`, `stored_cursor`) are BigInt.
   */
  [attribute: string]: unknown;
}

/** How a query was answered: what it looked for, where it looked, and what it read. */
export interface QueryExplanation {
  /**
   * - `nothing`: no fact can match
   * - `everything`: every fact matches
   * - `types`: event types alone narrow the facts
   * - `terms`: scalars of predicates do, with types or without
   * - `walk`: nothing does, so every fact is looked at
   */
  plan: 'nothing' | 'everything' | 'types' | 'terms' | 'walk';
  /** The ways for a fact to match, one for each predicate of a filter; at most 32 are listed. */
  alternatives: {
    /** Types, of which a fact has one, and scalars, all of which it has. */
    terms: {
      /** Such as `event_type = "a"` or `payload.tags[] = "x"`. */
      term: string;
      /** In how many facts the indexes have it; null without an index. */
      facts: number | null;
      /** Whether the facts that have it are looked through. */
      drives: boolean;
    }[];
    /** Terms that are not listed. */
    terms_more: number;
  }[];
  alternatives_more: number;
  /** What was read, in order. */
  steps: {
    /** For the records that the query returns, or for the context's version alone. */
    purpose: 'rows' | 'version';
    /** The newest facts, which are in memory, or where the store keeps all. */
    source: 'tail' | 'log';
    /**
     * An index of terms proposed facts, an index on types has them in order, each fact of the range
     * was looked at, or the server found them as its planner chose.
     */
    access: 'terms' | 'types' | 'walk' | 'server';
    /** The range that was asked for. */
    after: bigint;
    up_to: bigint;
    rows_read: number;
    candidates: number;
    /** What the server's EXPLAIN ANALYZE says, line by line. */
    server_plan: string[] | null;
  }[];
  /** Facts that were fetched from where they are kept. */
  rows_read: number;
  /** Those of them that were matched. */
  candidates: number;
  /** Records that the query returns. */
  matches: number;
  current_context_version: bigint | null;
  microseconds: number;
}

/** A copy of a log. */
export interface Backup {
  /** The newest fact in it. */
  head: bigint;
  bytes: number;
  microseconds: number;
}

/** What was found wrong with a log. Without findings it is sound. */
export interface Verification {
  /** The newest fact when the verification began, up to which was read. */
  head: bigint;
  facts: bigint;
  /** In how many batches the facts were committed. */
  batches: bigint;
  /** Durable names. */
  cursors: number;
  /** Up to where the index of terms was compared with the facts; null without an index. */
  index_through: bigint | null;
  /** At most 100. */
  findings: {
    /**
     * - `missing_facts`: numbers that no fact has
     * - `damaged_fact`: a fact that cannot be returned
     * - `wrong_batch`: a range of a batch that cannot have been committed
     * - `wrong_cursor`: a durable name whose cursor cannot be used
     * - `wrong_index`: the index of terms leaves facts out, or cannot be read
     * - `damaged_storage`: SQLite's own check of the file found it damaged
     */
    kind:
      | 'missing_facts'
      | 'damaged_fact'
      | 'wrong_batch'
      | 'wrong_cursor'
      | 'wrong_index'
      | 'damaged_storage';
    /** The facts that are concerned, if there are any. */
    first: bigint | null;
    last: bigint | null;
    durable_name: string | null;
    /** What is wrong, and what to do. */
    message: string;
  }[];
  /** Findings that are not listed. */
  findings_more: number;
  microseconds: number;
}

/** What a store has counted since it was opened, in this process alone. */
export interface StoreStatistics {
  store_kind: 'memory' | 'sqlite' | 'postgres';
  /** The newest sequence number. */
  head: bigint;
  facts: bigint;
  /** Why the log cannot be read at the moment; then head and facts are as last known. */
  failure: FactstrError | null;
  /** SQLite's database file, or PostgreSQL's table of facts with its indexes. */
  database_bytes: number | null;
  /** SQLite's write-ahead log file. */
  log_file_bytes: number | null;
  /** Batches committed, and the transactions that committed them. */
  appends: number;
  groups: number;
  group_appends_max: number;
  groups_retried: number;
  /** Appends that wait for the group before them. */
  queue_appends: number;
  queue_bytes: number;
  read_retries: number;
  redeliveries: number;
  reconnects: number;
  /** The newest facts that are kept in memory. */
  tail_events: number;
  tail_bytes: number;
  /** How far the payload index covers the log; null without an index. */
  index_watermark: bigint | null;
  /**
   * The open streams. Here the position of a live stream may be some batches ahead of its handler.
   */
  streams: (StreamProgress & {
    number: number;
    durable_name: string | null;
    /** Facts between its position and the head, matching or not. */
    lag: bigint;
    /** Batches of a durable stream that were put aside. */
    parked: number;
  })[];
}
