"""The chunks of a script: where errors and traces find names and places in them."""

from typing import Any

from local_stack.lakefs.standin.lua.bytecode import Chunk, Function, read_chunk

LONGEST = 60


def chunk_name(name: bytes) -> str:
    """What errors call a chunk: `=` and `@` begin a name, anything else is the text itself."""
    text = name.decode("utf-8", "surrogateescape")
    if text.startswith("="):
        return text[1:LONGEST] if len(text) > LONGEST else text[1:]
    if text.startswith("@"):
        return text[1:] if len(text) <= LONGEST else "..." + text[1 : LONGEST - 3]
    first = text.split("\n", maxsplit=1)[0]
    is_long = len(first) > LONGEST - len('[string "..."]')
    return f'[string "{first}...{chr(34)}]' if is_long else f'[string "{first}"]'


class ChunkNames:
    """The chunks that were loaded, by ids that Lua knows them under. Lua calls the methods, with bytes."""

    def __init__(self) -> None:
        self._chunks: dict[bytes, Chunk] = {}
        self._last = 0

    def new_chunk(self) -> bytes:
        """An id for a chunk."""
        self._last += 1
        return b"script-%d" % self._last

    def add_chunk(self, chunk_id: bytes, dumped: bytes, name: bytes) -> bytes:
        """Keep what was compiled; what is to be loaded in its place."""
        chunk = read_chunk(dumped, chunk_name(name))
        self._chunks[chunk_id] = chunk
        return chunk.loadable

    def is_script(self, chunk_id: bytes) -> bool:
        """Whether it is the id of a chunk, and not of the stand-in's own Lua."""
        return chunk_id in self._chunks

    def place(self, chunk_id: bytes, number: float, position: float) -> bytes:
        """Chunk and line of the instruction before a position in a function."""
        line = self._function(chunk_id, number).lines[int(position) - 1]
        return _bytes(f"{self._chunks[chunk_id].name}:{line}")

    def defined(self, chunk_id: bytes, number: float) -> bytes:
        """What a trace calls a function without a name."""
        if number == 0:
            return b"main chunk"
        return _bytes(f"function <{self._chunks[chunk_id].name}:{self._function(chunk_id, number).line}>")

    def is_tail_call(self, chunk_id: bytes, number: float, position: float) -> bool:
        """Whether the instruction before the position was a tail call."""
        return self._function(chunk_id, number).code[int(position) - 1].operation == "TAILCALL"

    def called_name(self, chunk_id: bytes, number: float, position: float) -> tuple[bytes, bytes]:
        """The name of the function that was called, and the name's kind."""
        name, kind = self._function(chunk_id, number).called_name(int(position))
        return _bytes(name), _bytes(kind)

    def value_name(self, chunk_id: bytes, number: float, register: float, position: float) -> tuple[bytes, bytes]:
        """The name of a value, and the name's kind."""
        name, kind = self._function(chunk_id, number).value_name(int(register), int(position))
        return _bytes(name), _bytes(kind)

    def operands(self, chunk_id: bytes, number: float, position: float) -> tuple[float, ...]:
        """The registers that the instruction before the position worked on."""
        instruction = self._function(chunk_id, number).code[int(position) - 1]
        return tuple(float(register) for register in instruction.operands)

    def registers(self, chunk_id: bytes, number: float) -> float:
        """How many registers a function has."""
        return float(self._function(chunk_id, number).registers)

    def for_lua(self) -> dict[str, Any]:
        """The methods, by the names that Lua calls."""
        names = "new_chunk add_chunk is_script place defined is_tail_call called_name value_name operands registers"
        return {name: getattr(self, name) for name in names.split()}

    def _function(self, chunk_id: bytes, number: float) -> Function:
        return self._chunks[chunk_id].functions[int(number)]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
