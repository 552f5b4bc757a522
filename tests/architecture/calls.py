"""Who calls whom in our own code, read from the source without running it.

A call too many is possible: who mentions a class is taken to use all its methods.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("config", "mailboxes", "messaging", "oversight", "billing")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One source file: what its names stand for, and what each of its definitions mentions."""

    def __init__(self, path: Path) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if is_package else parts)
        self._package = self.name if is_package else self.name.rpartition(".")[0]
        self._tree = ast.parse(path.read_text())
        self.bound: dict[str, str] = {}
        self.mentions: dict[str, set[str]] = {self.name: set()}
        self.woken_by: dict[str, set[str]] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.bound.update(self._imported(node))
        for statement in self._tree.body:
            self._read(statement)

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names)
            return
        base = ".".join(self._package.split(".")[: 1 - node.level or None]) if node.level else ""
        source = ".".join(part for part in (base, node.module) if part)
        yield from ((alias.asname or alias.name, f"{source}.{alias.name}") for alias in node.names)

    def _read(self, statement: ast.stmt) -> None:
        if isinstance(statement, Function):
            self._define(f"{self.name}.{statement.name}", statement)
        elif isinstance(statement, ast.ClassDef):
            self._read_class(statement)
        else:
            for name in _assigned(statement):
                self._define(f"{self.name}.{name}", statement)

    def _read_class(self, node: ast.ClassDef) -> None:
        name = f"{self.name}.{node.name}"
        own = self._inside(name)
        self._define(name, *node.bases)
        for statement in node.body:
            if isinstance(statement, Function):
                own._define(f"{name}.{statement.name}", statement)
                own.mentions[name].add(f"{name}.{statement.name}")
                # What the object was made with, it uses.
                own.mentions[f"{name}.{statement.name}"].add(f"{name}.__init__")
            for field in _assigned(statement):
                own._define(f"{name}.{field}", statement)
                own.mentions[name].add(f"{name}.{field}")

    def _inside(self, name: str) -> Module:
        """The same file, seen from within a class."""
        inside = copy(self)
        inside.bound = self.bound | {"self": name, "cls": name}
        return inside

    def _define(self, name: str, *nodes: ast.AST) -> None:
        chains = self.mentions[name] = set()
        for node in nodes:
            decorators = list(getattr(node, "decorator_list", ()))
            for decorator in decorators:
                if isinstance(decorator, ast.Call):
                    for given in (*decorator.args, *(keyword.value for keyword in decorator.keywords)):
                        for chain in self._chains(given):
                            self.woken_by.setdefault(chain, set()).add(name)
            for part in ast.iter_child_nodes(node) if decorators else (node,):
                if part not in decorators:
                    chains.update(self._chains(part))
            chains.update(chain for decorator in decorators for chain in self._chains(_called(decorator)))

    def _chains(self, node: ast.AST) -> Iterator[str]:
        """Every name in it as a dotted path from one of our packages, as far as this file can tell."""
        for inner in ast.walk(node):
            attributes: list[str] = []
            while isinstance(inner, ast.Attribute):
                attributes.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                first = self.bound.get(inner.id, f"{self.name}.{inner.id}")
                yield ".".join((first, *attributes))


def _assigned(statement: ast.stmt) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


class Calls:
    """All definitions, by dotted name."""

    def __init__(self) -> None:
        files = (path for app in APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)
        self._modules = {module.name: module for module in map(Module, files)}
        self._mentions = {name: seen for module in self._modules.values() for name, seen in module.mentions.items()}
        self._woken: dict[str, set[str]] = {}
        for module in self._modules.values():
            for chain, names in module.woken_by.items():
                if (waker := self._definition(chain)) in self._mentions:
                    self._woken.setdefault(waker, set()).update(names)

    def named(self, words: str, *, app: str = "") -> set[str]:
        """The definitions whose dotted name ends with these words; of this app, if it has any."""
        found = {name for name in self._mentions if name == words or name.endswith(f".{words}")}
        found |= {self._definition(words)} & self._mentions.keys()
        return {name for name in found if name.partition(".")[0] == app} or found

    def reached(self, start: str) -> set[str]:
        """All that may run because `start` does. What a signal or a task's name wakes is followed from it alone."""
        found, waiting = {start}, [start, *self._woken.get(start, ())]
        while waiting:
            name = waiting.pop()
            found.add(name)
            ahead = {self._definition(chain) for chain in self._mentions[name]} & self._mentions.keys()
            waiting += ahead - found
        return found

    def _definition(self, chain: str) -> str:
        """What a dotted path stands for: imports are followed, attributes of values are dropped."""
        for _ in range(10):
            if chain in self._mentions:
                return chain
            module, _, rest = self._split(chain)
            first, _, others = rest.partition(".")
            target = self._modules[module].bound.get(first) if module else None
            if target is None:
                return chain if not module or "." not in rest else f"{module}.{first}"
            chain = f"{target}.{others}" if others else target
        return chain

    def _split(self, chain: str) -> tuple[str, str, str]:
        parts = chain.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:length])
            if module in self._modules:
                return module, ".", ".".join(parts[length:])
        return "", "", chain


@cache
def calls() -> Calls:
    return Calls()
