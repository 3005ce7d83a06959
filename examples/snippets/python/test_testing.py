import unittest

import factstr
from factstr.testing import fact, given

# The command that is tested: a course takes so many students, and each of them once.
CAPACITY = 2


def enrol(store: factstr.Store, course: str, student: str) -> str:
    answer = ""

    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
        nonlocal answer
        students = [record.payload["student"] for record in seen.event_records]
        if student in students:
            answer = "already"
        elif len(students) >= CAPACITY:
            answer = "full"
        else:
            answer = "enrolled"
            return [factstr.NewEvent("Enrolled", {"course": course, "student": student})]
        return None

    store.decide(
        {"filters": [{"event_types": ["Enrolled"], "payload_predicates": [{"course": course}]}]},
        decide,
    )
    return answer


def enrolled(student: str) -> factstr.NewEvent:
    return fact("Enrolled", {"course": "go", "student": student})


class Enrolment(unittest.TestCase):
    def test_a_full_course_takes_nobody(self) -> None:
        full = given(enrolled("Ada"), enrolled("Ben"))
        full.when(enrol, "go", "Cleo").then_nothing()
        self.assertEqual(full.results, ["full"])

    def test_a_student_gets_a_place_once(self) -> None:
        given(enrolled("Ada")).when(enrol, "go", "Ben").then(enrolled("Ben"))
        given(enrolled("Ada")).when(enrol, "go", "Ada").then_nothing()

    def test_of_many_at_once_only_so_many_get_in_as_there_is_room(self) -> None:
        racing = given().when_at_once(20, lambda store, n: enrol(store, "go", f"student-{n}"))
        self.assertEqual(racing.results.count("enrolled"), CAPACITY)
