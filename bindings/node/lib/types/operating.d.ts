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
  })[];
}
