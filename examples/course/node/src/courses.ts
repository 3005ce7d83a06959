// The rules: which facts a decision depends on, and what may happen. Nothing here knows of HTTP.
import type { EventFilter, EventRecordOf, FactstrPostgresStore } from '@factstr/factstr-node';

export interface CourseEvents {
  CourseOpened: { course: string; title: string; places: number };
  StudentEnrolled: { course: string; student: string };
}
export type Course = CourseEvents['CourseOpened'];
export type Fact = EventRecordOf<CourseEvents>;
export type Store = FactstrPostgresStore<CourseEvents>;

export type Opening = 'opened' | 'is open' | 'is another course';
export type Enrolment = 'enrolled' | 'was enrolled' | 'full' | 'no such course';

/** What a decision about a course depends on: the facts of that course, and of no other one. */
function factsOf(course: string): { filters: EventFilter<CourseEvents>[] } {
  return {
    filters: [
      { event_types: ['CourseOpened', 'StudentEnrolled'], payload_predicates: [{ course }] },
    ],
  };
}

function opened(facts: Fact[]): Course | undefined {
  return facts.find((fact) => fact.event_type === 'CourseOpened')?.payload;
}

export async function open(store: Store, course: Course): Promise<Opening> {
  let answer: Opening = 'opened';
  await store.decide(factsOf(course.course), ({ event_records }) => {
    const before = opened(event_records);
    if (before) {
      const same = before.title === course.title && before.places === course.places;
      answer = same ? 'is open' : 'is another course';
      return undefined; // nothing happened
    }
    answer = 'opened';
    return [{ event_type: 'CourseOpened', payload: course }];
  });
  return answer;
}

export async function enrol(store: Store, course: string, student: string): Promise<Enrolment> {
  let answer: Enrolment = 'no such course';
  await store.decide(factsOf(course), ({ event_records }) => {
    const places = opened(event_records)?.places;
    const students = event_records
      .filter((fact) => fact.event_type === 'StudentEnrolled')
      .map(({ payload }) => payload.student);
    answer =
      places === undefined
        ? 'no such course'
        : students.includes(student)
          ? 'was enrolled'
          : students.length >= places
            ? 'full'
            : 'enrolled';
    return answer === 'enrolled'
      ? [{ event_type: 'StudentEnrolled', payload: { course, student } }]
      : undefined;
  });
  return answer;
}
