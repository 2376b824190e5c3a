"""The arguments of a module's function, checked as go-lua checks them: a number stands for text, nil for nothing.

The function in a refusal is `'?'`, as it is where go-lua cannot tell under which name it was called.
"""

from typing import Any

import lupa.lua52 as lupa

from local_stack.lakefs.standin.lua.values import LuaCallError, bytes_of, lua_type, text_of


class Arguments:
    """The arguments by position, from 1 on. Each method raises LuaCallError for what it does not take."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values = values

    def given(self, position: int) -> bool:
        """Whether there is an argument at all; nil is one."""
        return position <= len(self._values)

    def value(self, position: int) -> Any:
        """The argument as it is; None where there is none."""
        return self._values[position - 1] if self.given(position) else None

    def type_name(self, position: int) -> str:
        """The argument's type, or `no value`."""
        return lua_type(self.value(position)) if self.given(position) else "no value"

    def data(self, position: int) -> bytes:
        """A text, as its bytes."""
        value = self.value(position)
        if isinstance(value, bytes) or (isinstance(value, int | float) and not isinstance(value, bool)):
            return bytes_of(value)
        raise self.refusal(position, "string")

    def text(self, position: int) -> str:
        """A text; bytes that are no UTF-8 stay as surrogates."""
        return text_of(self.data(position))

    def optional_text(self, position: int) -> str:
        """A text, or nothing where there is no argument. Nil is refused."""
        return self.text(position) if self.given(position) else ""

    def number(self, position: int) -> float:
        """A number, or a text that reads as one."""
        value = self.value(position)
        if isinstance(value, bytes):
            try:
                return float(value) if value.strip() and b"_" not in value else self._no_number(position)
            except ValueError:
                return self._no_number(position)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        return self._no_number(position)

    def integer(self, position: int) -> int:
        """A number without its fraction. One that 64 bits cannot hold is the smallest, as on amd64."""
        number = self.number(position)
        return int(number) if abs(number) < 2**63 else -(2**63)

    def table(self, position: int) -> Any:
        """A table."""
        value = self.value(position)
        if lupa.lua_type(value) != "table":
            raise self.refusal(position, "table")
        return value

    def refusal(self, position: int, expected: str) -> LuaCallError:
        """What the function raises for an argument of a wrong type."""
        problem = f"{expected} expected, got {self.type_name(position)}"
        return LuaCallError(f"bad argument #{position} to '?' ({problem})")

    def _no_number(self, position: int) -> float:
        raise self.refusal(position, "number")
