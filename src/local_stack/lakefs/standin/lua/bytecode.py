"""Compiled Lua 5.2: where it is, and what it names, so that errors and traces read as those of go-lua.

lakeFS runs scripts in go-lua, whose compiler makes the instructions that C's makes, and whose errors name functions
and variables by rules of its own: a called function by the instruction *after* the call, a value by the first register
that holds one equal to it (seen on a lakeFS 1.84 server, and by running go-lua). For that an error has to tell which
instruction was running, which Lua does not. So a compiled chunk is changed before it is loaded: its table of lines
holds the numbers of instructions, and what it calls the first line of a function is the function's number. Tail calls
become calls, since functions that are Go in go-lua are Lua here and would lose their caller.
"""

import struct
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

HEADER_SIZE = 18
INTEGER = struct.Struct("<i")
INSTRUCTION = struct.Struct("<I")
NUMBER = struct.Struct("<d")
SIZE = struct.Struct("<Q")
FIRST_CONSTANT = 256
SIGNED_OFFSET = 131071

_OPERATIONS = (
    "MOVE LOADK LOADKX LOADBOOL LOADNIL GETUPVAL GETTABUP GETTABLE SETTABUP SETUPVAL SETTABLE NEWTABLE SELF ADD SUB "
    "MUL DIV MOD POW UNM NOT LEN CONCAT JMP EQ LT LE TEST TESTSET CALL TAILCALL RETURN FORLOOP FORPREP TFORCALL "
    "TFORLOOP SETLIST CLOSURE VARARG EXTRAARG"
)
OPERATIONS = _OPERATIONS.split()
_SETTING_NOTHING = "SETTABUP SETUPVAL SETTABLE JMP EQ LT LE TEST RETURN TFORCALL SETLIST EXTRAARG"
# Operations whose first operand is no register that they set.
SETTING_NOTHING = frozenset(_SETTING_NOTHING.split())
ARITHMETIC = frozenset(("ADD", "SUB", "MUL", "DIV", "MOD", "POW"))
METAMETHODS = {
    **dict.fromkeys(("SELF", "GETTABUP", "GETTABLE"), "__index"),
    **dict.fromkeys(("SETTABUP", "SETTABLE"), "__newindex"),
    "EQ": "__eq",
    "ADD": "__add",
    "SUB": "__sub",
    "MUL": "__mul",
    "DIV": "__div",
    "MOD": "__mod",
    "POW": "__pow",
    "UNM": "__unm",
    "LEN": "__len",
    "LT": "__lt",
    "LE": "__le",
    "CONCAT": "__concat",
}


@dataclass(frozen=True)
class Instruction:
    """One instruction: its operation and operands, which say registers, constants or places in the code."""

    word: int

    @cached_property
    def operation(self) -> str:
        """The operation's name."""
        return OPERATIONS[self.word & 0x3F]

    @property
    def a(self) -> int:
        """The first operand."""
        return (self.word >> 6) & 0xFF

    @property
    def b(self) -> int:
        """The second operand."""
        return (self.word >> 23) & 0x1FF

    @property
    def c(self) -> int:
        """The third operand."""
        return (self.word >> 14) & 0x1FF

    @property
    def bx(self) -> int:
        """The second and third operand as one number."""
        return self.word >> 14

    @property
    def jump(self) -> int:
        """How far a jump goes."""
        return self.bx - SIGNED_OFFSET

    @property
    def operands(self) -> list[int]:
        """The registers whose values it works on."""
        if self.operation in ARITHMETIC:
            candidates = [self.b, self.c]
        elif self.operation == "CONCAT":
            candidates = list(range(self.c, self.b - 1, -1))
        elif self.operation in ("CALL", "TAILCALL", "SETTABLE"):
            candidates = [self.a]
        elif self.operation in ("GETTABLE", "SELF", "UNM", "LEN"):
            candidates = [self.b]
        else:
            candidates = []
        return [register for register in candidates if register < FIRST_CONSTANT]

    def sets(self, register: int) -> bool:
        """Whether it may change the register."""
        if self.operation == "LOADNIL":
            return self.a <= register <= self.a + self.b
        if self.operation == "TFORCALL":
            return register >= self.a + 2
        if self.operation in ("CALL", "TAILCALL"):
            return register >= self.a
        if self.operation == "TEST":
            return register == self.a
        return self.operation not in SETTING_NOTHING and register == self.a


@dataclass(kw_only=True)
class Function:
    """A function as it was compiled. `lines` are those of its instructions."""

    line: int
    registers: int = 0
    code: list[Instruction] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    constants: list[bytes | None] = field(default_factory=list)
    locals: list[tuple[str, int, int]] = field(default_factory=list)
    upvalues: list[str] = field(default_factory=list)

    def called_name(self, position: int) -> tuple[str, str]:
        """What go-lua calls a function that the instruction before this position called, and the name's kind."""
        instruction = self.code[position]
        if instruction.operation in ("CALL", "TAILCALL"):
            return self.value_name(instruction.a, position)
        if instruction.operation == "TFORCALL":
            return "for iterator", "for iterator"
        name = METAMETHODS.get(instruction.operation, "")
        return name, "metamethod" if name else ""

    def value_name(self, register: int, position: int) -> tuple[str, str]:
        """What go-lua calls the value in a register, and the name's kind; empty where it has no name."""
        local = self._local(register, position)
        if local:
            return local, "local"
        loaded = self._loaded(register, position)
        if loaded is None:
            return "", ""
        return self._loaded_name(self.code[loaded], loaded)

    def _loaded_name(self, instruction: Instruction, position: int) -> tuple[str, str]:
        name = ("", "")
        match instruction.operation:
            case "MOVE" if instruction.b < instruction.a:
                name = self.value_name(instruction.b, position)
            case "GETTABUP":
                is_global = self.upvalues[instruction.b] == "_ENV"
                name = self._key(instruction.c), "global" if is_global else "local"
            case "GETTABLE":
                is_global = self._local(instruction.b, position) == "_ENV"
                name = self._key(instruction.c), "global" if is_global else "local"
            case "GETUPVAL":
                name = self.upvalues[instruction.b] or "?", "upvalue"
            case "LOADK":
                constant = self.constants[instruction.bx]
                name = ("", "") if constant is None else (_text(constant), "constant")
            case "SELF":
                name = self._key(instruction.c), "method"
        return name

    def _key(self, operand: int) -> str:
        constant = self.constants[operand - FIRST_CONSTANT] if operand >= FIRST_CONSTANT else None
        return "?" if constant is None else _text(constant)

    def _local(self, register: int, position: int) -> str:
        active = [name for name, start, end in self.locals if start <= position < end]
        return active[register] if register < len(active) else ""

    def _loaded(self, register: int, position: int) -> int | None:
        """The instruction that last set the register; None where that depends on a jump."""
        found, jump_target = None, 0
        for place, instruction in enumerate(self.code[:position]):
            if instruction.operation == "JMP":
                target = place + 1 + instruction.jump
                if place < target <= position:
                    jump_target = max(jump_target, target)
            elif instruction.sets(register):
                found = None if place < jump_target else place
        return found


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A compiled text: what errors call it, its functions, the text itself first, and what is to be loaded."""

    name: str
    functions: list[Function]
    loadable: bytes


@lru_cache(maxsize=32)
def read_chunk(dumped: bytes, name: str) -> Chunk:
    """The chunk in what `string.dump` gave."""
    reader = _Reader(dumped)
    reader.read_function()
    return Chunk(name=name, functions=reader.functions, loadable=bytes(reader.content))


class _Reader:
    """Reads compiled functions, and changes what is to be loaded as it goes."""

    def __init__(self, dumped: bytes) -> None:
        self.content = bytearray(dumped)
        self.functions: list[Function] = []
        self._position = HEADER_SIZE

    def read_function(self) -> None:
        number, place = len(self.functions), self._position
        function = Function(line=self._integer())
        self.functions.append(function)
        INTEGER.pack_into(self.content, place, number)
        self._position += INTEGER.size + 2  # the last line, the count of parameters, and whether there may be more
        function.registers = self.content[self._position]
        self._position += 1
        function.code = [self._instruction() for _ in range(self._integer())]
        function.constants = [self._constant() for _ in range(self._integer())]
        for _ in range(self._integer()):
            self.read_function()
        upvalues = self._integer()
        self._position += 2 * upvalues  # where each comes from
        self._string()  # the source
        function.lines = [self._line(number + 1) for number in range(self._integer())]
        function.locals = [(_text(self._string()), self._integer(), self._integer()) for _ in range(self._integer())]
        function.upvalues = [_text(self._string()) for _ in range(self._integer())]

    def _instruction(self) -> Instruction:
        (word,) = INSTRUCTION.unpack_from(self.content, self._position)
        instruction = Instruction(word)
        if instruction.operation == "TAILCALL":
            call = word & ~0x3F | OPERATIONS.index("CALL")
            INSTRUCTION.pack_into(self.content, self._position, call)
        self._position += INSTRUCTION.size
        return instruction

    def _line(self, number: int) -> int:
        place = self._position
        line = self._integer()
        INTEGER.pack_into(self.content, place, number)
        return line

    def _constant(self) -> bytes | None:
        """A constant that is text; None for any other."""
        kind = self.content[self._position]
        self._position += 1
        if kind == 4:
            return self._string()
        self._position += {1: 1, 3: NUMBER.size}.get(kind, 0)
        return None

    def _integer(self) -> int:
        (value,) = INTEGER.unpack_from(self.content, self._position)
        self._position += INTEGER.size
        return int(value)

    def _string(self) -> bytes:
        (size,) = SIZE.unpack_from(self.content, self._position)
        start = self._position + SIZE.size
        self._position = start + size
        return bytes(self.content[start : max(start, self._position - 1)])


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
