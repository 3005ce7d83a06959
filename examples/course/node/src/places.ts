// The view: how many places each course has left. It is this feature's own, in memory, and fed by a
// stream: first everything that is there, then what any service on any host commits.
import type { EventStreamSubscription } from '@factstr/factstr-node';

import type { Fact, Store } from './courses.js';

export interface Places {
  course: string;
  title: string;
  places: number;
  left: number;
}

export class PlacesView {
  readonly #courses = new Map<string, Places>();
  readonly #watchers = new Set<(changed: Places[]) => void>();
  #subscription: EventStreamSubscription | undefined;

  /** Resolves when the view has caught up; it goes on by itself then. */
  async follow(store: Store): Promise<void> {
    this.#subscription = await store.streamFrom(
      0n,
      { filters: [{ event_types: ['CourseOpened', 'StudentEnrolled'] }] },
      (batch) => this.#take(batch),
    );
  }

  #take(batch: Fact[]): void {
    const changed = new Set<Places>();
    for (const { event_type, payload } of batch) {
      if (event_type === 'CourseOpened') {
        const { course, title, places } = payload;
        this.#courses.set(course, { course, title, places, left: places });
      }
      const course = this.#courses.get(payload.course);
      if (course) {
        if (event_type === 'StudentEnrolled') course.left -= 1;
        changed.add(course);
      }
    }
    for (const watcher of this.#watchers) watcher([...changed]);
  }

  all(): Places[] {
    return [...this.#courses.values()];
  }

  /** Calls `watcher` with what changes from now on, until the function it returns is called. */
  watch(watcher: (changed: Places[]) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async end(): Promise<void> {
    this.#subscription?.unsubscribe();
    await this.#subscription?.closed;
  }
}
