"""The calls about the cursors of durable names, as the library takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._arguments import durable_name, position
from ._encoding import encode_cursor_call
from .errors import InvalidArgument

LIST = encode_cursor_call({"cursors": {}})


def reset(name: str, to: int) -> bytes:
    call = {"name": durable_name(name), "to": position(to, "to")}
    return encode_cursor_call({"cursor_reset": call})


def copy(from_name: str, to_name: str) -> bytes:
    call = {"from": durable_name(from_name, "from_name"), "to": durable_name(to_name, "to_name")}
    return encode_cursor_call({"cursor_copy": call})


def parked(name: str) -> bytes:
    return encode_cursor_call({"parked": {"name": durable_name(name)}})


def redeliver(name: str, positions: Iterable[int] | None) -> bytes:
    return encode_cursor_call({"redeliver_parked": _some(name, positions)})


def discard(name: str, positions: Iterable[int] | None) -> bytes:
    return encode_cursor_call({"discard_parked": _some(name, positions)})


def _some(name: str, positions: Iterable[int] | None) -> dict[str, Any]:
    if positions is None:
        return {"name": durable_name(name)}
    if not isinstance(positions, Iterable):
        raise InvalidArgument(
            f"positions must be an iterable of int or None, not {type(positions).__name__}"
        )
    listed = [position(each, f"positions[{index}]") for index, each in enumerate(positions)]
    return {"name": durable_name(name), "positions": listed}


def delete(name: str) -> bytes:
    return encode_cursor_call({"cursor_delete": {"name": durable_name(name)}})
