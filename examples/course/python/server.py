"""The web service: python3 server.py DATABASE_URL [PORT]. It answers what the rules decided, and
tells every open page what has changed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import courses
import factstr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from places import PlacesView
from pydantic import BaseModel, ConfigDict, Field

PAGE = Path(__file__).resolve().parent.parent / "page" / "index.html"
view = PlacesView()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.store = await asyncio.to_thread(factstr.PostgresStore, sys.argv[1], schema="courses")
    await view.follow(app.state.store)
    yield
    await asyncio.to_thread(app.state.store.close)


app = FastAPI(lifespan=lifespan)
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Course(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    course: Name
    title: Name
    places: Annotated[int, Field(ge=1)]


class Student(BaseModel):
    student: Name


@app.get("/")
def page() -> FileResponse:
    return FileResponse(PAGE)


@app.get("/courses")
async def all_courses() -> list[dict[str, Any]]:
    return view.all()


@app.post("/courses")
def open_course(course: Course, response: Response) -> dict[str, str]:
    answer = courses.open_course(app.state.store, course.course, course.title, course.places)
    response.status_code = {"opened": 201, "is open": 200, "is another course": 409}[answer]
    return {"answer": answer}


@app.post("/courses/{course}/enrolments")
def enrol(course: str, student: Student, response: Response) -> dict[str, str]:
    answer = courses.enrol(app.state.store, course, student.student)
    response.status_code = {
        "enrolled": 201,
        "was enrolled": 200,
        "full": 409,
        "no such course": 404,
    }[answer]
    return {"answer": answer}


@app.get("/changes")
async def changes() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        async for changed in view.changes():
            yield f"data: {json.dumps(changed)}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.exception_handler(factstr.FactstrError)
async def refused(_: Request, error: factstr.FactstrError) -> JSONResponse:
    """What the store could not do for the moment has written nothing: the client may try again."""
    again = error.code in ("ConditionalAppendConflict", "Busy", "Timeout", "BackendFailure")
    return JSONResponse(
        {"answer": str(error)}, 503 if again else 500, {"retry-after": "1"} if again else None
    )


if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 3002
    uvicorn.run(app, port=port, log_level="warning", timeout_graceful_shutdown=2)
