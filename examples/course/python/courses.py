"""The rules: which facts a decision depends on, and what may happen. Nothing here knows of HTTP."""

from __future__ import annotations

import factstr


def facts_of(course: str) -> factstr.EventQuery:
    """What a decision about a course depends on: the facts of that course, and of no other one."""
    return factstr.EventQuery(
        filters=[
            factstr.EventFilter(
                event_types=["CourseOpened", "StudentEnrolled"],
                payload_predicates=[{"course": course}],
            )
        ]
    )


def open_course(store: factstr.Store, course: str, title: str, places: int) -> str:
    answer = ""
    wanted = {"course": course, "title": title, "places": places}

    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
        nonlocal answer
        before = [fact.payload for fact in seen.event_records if fact.event_type == "CourseOpened"]
        if before:
            answer = "is open" if before[0] == wanted else "is another course"
            return None  # nothing happened
        answer = "opened"
        return [factstr.NewEvent("CourseOpened", wanted)]

    store.decide(facts_of(course), decide)
    return answer


def enrol(store: factstr.Store, course: str, student: str) -> str:
    answer = ""

    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
        nonlocal answer
        places = None
        students = []
        for fact in seen.event_records:
            if fact.event_type == "CourseOpened":
                places = fact.payload["places"]
            else:
                students.append(fact.payload["student"])
        if places is None:
            answer = "no such course"
        elif student in students:
            answer = "was enrolled"
        elif len(students) >= places:
            answer = "full"
        else:
            answer = "enrolled"
            return [factstr.NewEvent("StudentEnrolled", {"course": course, "student": student})]
        return None

    store.decide(facts_of(course), decide)
    return answer
