"""Writes the types and functions of both components from their contracts, `wit/*.wit`:
`python generate.py`, after a contract has changed.

A record becomes a dataclass, an enum a `Literal`, a variant a `Case`, a list a tuple, and a
resource a class. Names have `_` for `-`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

PACKAGE = Path(__file__).with_name("latchstring")
CONTRACTS = Path(__file__).parents[2] / "wit"

# What callers make. Members have defaults: None, nothing, false, an enum's first case.
GIVEN = {"access-rules", "audience", "client", "demand", "endpoints", "examination", "facts"}
GIVEN |= {
    "client-key",
    "dpop-key",
    "grant-type",
    "hexclave",
    "parameter",
    "token-exchange",
    "tokens",
}
# The members with another default.
DEFAULTS = {("client", "discover"): "True", ("client", "grant"): 'GrantType("user")'}
# What callers get. It can be printed, as what they make.
RETURNED = {"logout-report", "registration-end", "unrevoked"}
# Members that are not printed.
SECRET = {"access-token", "client-secret", "end-session-url", "refresh-token"}

PLAIN = {"bool": "bool", "string": "str", "u16": "U16", "u32": "int", "u64": "int"}

TYPE = re.compile(r"(record|enum|variant|resource) ([a-z0-9-]+) \{")
MEMBER = re.compile(r"%?([a-z0-9-]+)(?:: (.+)|\((.+)\))?,")
FUNCTION = re.compile(r"(?:([a-z0-9-]+): (static )?func|constructor)\((.*)\)(?: -> (.+))?;")

HEAD = '''"""The {what} of `wit/{name}.wit`. Written by `generate.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

'''

CASE = '''
U16 = Annotated[int, range(1 << 16)]

@dataclass(frozen=True)
class Case:
    """A case of a variant: its name in the contract, and its payload."""

    # The type of each case's payload. None: the case has no payload.
    CASES: ClassVar[dict[str, Any]]

    tag: str
    payload: object = field(default=None, repr=False)

class Result(Case):
    """A `result`. `CASES` are `ok` and `error`."""

'''


@dataclass
class Member:
    """A member of a record, a case of an enum or a variant, or a function."""

    name: str
    docs: list[str] = field(compare=False)
    # Of a member or a payload.
    type: str | None = None
    # Of a function: parameters with their types, and the result.
    parameters: list[list[str]] = field(default_factory=list)
    result: str | None = None
    # Of a function of a resource: method, static or constructor.
    way: str = "method"


@dataclass
class Type:
    kind: str
    name: str
    docs: list[str] = field(compare=False)
    members: list[Member] = field(default_factory=list)


class Contract:
    """The only interface of one contract."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.interface = ""
        self.types: dict[str, Type] = {}
        self.functions: list[Member] = []
        # Names with the Python type that they stand for.
        self.aliases = PLAIN | {"list<u8>": "bytes", "_": "None"}
        self._read(CONTRACTS / f"{name}.wit")

    def _read(self, path: Path) -> None:
        package, members, docs = "", self.functions, list[str]()
        text = path.read_text()
        for alias, plain in re.findall(r"\n  type (\S+) = (\S+);", text):
            text = text.replace(alias, plain)
        for line in map(str.strip, text.splitlines()):
            if line.startswith("///"):
                docs.append(line[4:])
                continue
            if line.startswith("package "):
                package = line[8:-1]
            elif line.startswith("interface "):
                self.interface = package.replace("@", f"/{line.split()[1]}@")
            elif found := TYPE.fullmatch(line):
                members = []
                self.types[found[2]] = Type(found[1], found[2], docs, members)
            elif found := FUNCTION.fullmatch(line):
                parameters = [part.split(": ") for part in found[3].split(", ") if part]
                way = "static" if found[2] else "method" if found[1] else "constructor"
                members.append(Member(found[1] or "", docs, None, parameters, found[4], way))
            elif found := MEMBER.fullmatch(line):
                members.append(Member(found[1], docs, found[2] or found[3]))
            elif line == "}":
                members = self.functions
            elif line and not line.startswith(("//", "type ", "world ", "export ")):
                raise SystemExit(f"{path}: not understood: {line}")
            docs = []
        for of in list(self.types.values()):
            # As in the package `wasmtime`: nothing or one payload is that payload or None.
            if of.kind == "variant" and [m.type is None for m in of.members] == [True, False]:
                self.aliases[of.name] = f"{self.hint(of.members[1].type)} | None"
                del self.types[of.name]

    def hint(self, wit: str | None, many: str = "tuple[{}, ...]") -> str:
        """Returns the Python type for a type of the contract."""
        if wit is None or wit in self.aliases:
            return self.aliases[wit or "_"]
        if found := re.fullmatch("(list|option|borrow)<(.*)>", wit):
            inner = self.hint(found[2], many)
            return {"list": many.format(inner), "option": f"{inner} | None"}.get(found[1], inner)
        return camel(wit)

    def ordered(self) -> Iterator[Type]:
        """Returns the types, each after those that it is made of."""
        left = dict(self.types)

        def visit(name: str) -> Iterator[Type]:
            if of := left.pop(name, None):
                for member in of.members:
                    for inner in re.findall("[a-z0-9-]+", member.type or ""):
                        yield from visit(inner)
                yield of

        for name in self.types:
            yield from visit(name)

    # ---- Types -----------------------------------------------------------------------

    def type(self, of: Type) -> str:
        name, documented = camel(of.name), docstring(of.docs)
        if of.kind == "enum":
            return f"{comment(of.docs)}{name} = Literal[{names(of)}]\n"
        if of.kind == "resource":
            functions = "".join(self.function(function, of.name) for function in of.members)
            return block(f"class {name}(Resource):", documented + functions)
        if of.kind == "variant":
            return self._variant(of)
        members = "".join(self._member(of, member) for member in of.members)
        options = "frozen=True" if of.name in GIVEN | RETURNED else "eq=False, repr=False"
        if of.name in GIVEN and " = " in members:
            options += ", kw_only=True"
        return block(f"@dataclass({options})\nclass {name}:", documented + members)

    def _member(self, of: Type, member: Member) -> str:
        is_given = of.name in GIVEN
        hint = self.hint(member.type, "Sequence[{}]" if is_given else "tuple[{}, ...]")
        default = self._default(of, member) if is_given else ""
        if member.name in SECRET and of.name in GIVEN | RETURNED:
            default = f"field({default and f'default={default}, '}repr=False)"
        line = f"{snake(member.name)}: {hint}{default and f' = {default}'}\n"
        return comment(member.docs) + line

    def _default(self, of: Type, member: Member) -> str:
        """Returns the default of a member; empty if callers must give it."""
        wit = member.type or ""
        inner = self.types.get(wit)
        if (of.name, member.name) in DEFAULTS:
            return DEFAULTS[of.name, member.name]
        if inner is not None:
            return f'"{inner.members[0].name}"' if inner.kind == "enum" else f"{camel(wit)}()"
        if wit.startswith("list<"):
            return "()"
        return {"bool": "False", "string": "", "u64": "0"}.get(wit, "None")

    def _variant(self, of: Type) -> str:
        results = cases = ""
        for case in of.members:
            payload = self.hint(case.type)
            if found := re.fullmatch("result<(.*), (.*)>", case.type or ""):
                payload = f"{camel(case.name)}Result"
                kinds = f'{{"ok": {self.hint(found[1])}, "error": {self.hint(found[2])}}}'
                results += block(f"class {payload}(Result):", f"CASES: ClassVar = {kinds}\n")
            cases += f'{comment(case.docs)}"{case.name}": {payload},\n'
        head, tag = f"class {camel(of.name)}(Case):", ""
        if of.name in GIVEN:
            head, tag = f"@dataclass(frozen=True)\n{head}", f"tag: Literal[{names(of)}]\n"
        body = f"{docstring(of.docs)}CASES: ClassVar = {{\n{cases}}}\n{tag}"
        return results + block(head, body)

    # ---- Functions -------------------------------------------------------------------

    def function(self, function: Member, resource: str | None = None) -> str:
        """Returns a method of a resource, or of the instance."""
        hint, kind = self._result(function.result)
        exported = f'"[{function.way}]{resource}.{function.name}"'
        head, call = f"def {snake(function.name)}(self", f"return self.call({exported}"
        if resource is None:
            call = f'return self.call("{function.name}"'
        elif function.way == "static":
            head = f"@classmethod\ndef {snake(function.name)}(cls, instance: Instance"
            call, hint, kind = f"return cls(instance, {exported}", camel(resource), []
        elif function.way == "constructor":
            head = "def __init__(self, instance: Instance"
            call, hint = f'super().__init__(instance, "[constructor]{resource}"', "None"
        given = [(snake(name), self.hint(wit, "Sequence[{}]")) for name, wit in function.parameters]
        head = ", ".join([head, *(f"{name}: {hint}" for name, hint in given)])
        call = ", ".join([call, *(name for name, _ in given), *kind])
        return block(f"{head}) -> {hint}:", f"{docstring(function.docs)}{call})\n")

    def _result(self, wit: str | None) -> tuple[str, list[str]]:
        """Returns the Python type of a result, and the argument that converts it, if any. A
        failure is raised, another error is returned."""
        found = re.fullmatch("result<(.*), (.*)>", wit or "")
        kinds = [self.hint(found[1]), self.hint(found[2])] if found else [self.hint(wit)]
        if found and found[2] == "failure":
            kinds.pop()
        hint = " | ".join(sorted(kinds, key="None".__eq__))
        is_converted = any(re.search(rf"\b{camel(name)}\b", hint) for name in self.types)
        return hint, [f"kind={hint}"] if is_converted else []

    def instance(self, name: str) -> str:
        known = f'NAME = "{self.name}"\nINTERFACE = "{self.interface}"\n\n'
        doc = """One instance. A function raises the failure that it returns, or `sandbox-fault`."""
        functions = "".join(map(self.function, self.functions))
        return block(f"class {name}(Instance):", docstring([doc]) + known + functions)


def snake(name: str) -> str:
    return name.lstrip("%").replace("-", "_")


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def names(of: Type) -> str:
    return ", ".join(f'"{member.name}"' for member in of.members)


def block(head: str, body: str) -> str:
    return f"{head}\n{indent(body, '    ')}\n"


def comment(docs: list[str]) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in docs)


def docstring(docs: list[str]) -> str:
    text = "\n".join(docs) + ("\n" if len(docs) > 1 else "")
    return f'"""{text}"""\n' if docs else ""


def files() -> dict[Path, str]:
    """Returns the files and their contents."""
    login, rules = Contract("login"), Contract("rules")
    types = [of for of in login.ordered() if of.kind != "resource"]
    sessions = [of for of in login.ordered() if of.kind == "resource"]
    # The contract of the rules repeats types of the other one.
    own = [of for of in rules.ordered() if of != login.types.get(of.name)]
    known = {"Case", "Result", "U16", *(camel(of.name) for of in types)}

    def functions(contract: Contract, types: list[Type], instance: str) -> str:
        imported = known - {camel(of.name) for of in types}
        head = HEAD.format(what="functions and their types", name=contract.name)
        head += f"from .contract import {', '.join(imported)}\n"
        head += "from .sandbox import Instance, Resource\n\n"
        return head + "".join(map(contract.type, types)) + contract.instance(instance)

    written = {
        "contract.py": HEAD.format(what="types", name="login")
        + CASE
        + "".join(map(login.type, types)),
        "component.py": functions(login, sessions, "LoginComponent"),
        "rules.py": functions(rules, own, "Rules"),
    }
    return {PACKAGE / name: formatted(content) for name, content in written.items()}


def formatted(content: str) -> str:
    """Sorts the imports, removes those that are not used, and formats the rest."""
    named = f"--stdin-filename={PACKAGE / 'contract.py'}"
    for words in ["check --fix-only --select=F401,I", "format"]:
        command = [sys.executable, "-m", "ruff", *words.split(), "--quiet", named, "-"]
        content = subprocess.check_output(command, input=content, text=True)
    return content


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content)
