"""The app's first page as one file: on a slow network the rounds of thirty small modules cost more than their bytes.

Made in memory when the files are read, as their packing is; the files themselves stay as they were written. What the entry imports
statically goes into it, each in a function of its own; the address of each such file then gives the same module out of the entry, so that
a page that comes later shares its state. What is not understood raises ValueError.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ENTRY = "js/main.js"
ALONE = ("js/pages/ops.js",)  # another page's entry: joined with copies of its own, so that it does not start the app
AS_IT_IS = "vendor/"  # minified by others: imported, not joined
_FROM = re.compile(r'^(import|export)\s+([^;"]+?)\s+from\s+"(\.[^"]+)";[ \t]*$', re.M)
_EXPORT = re.compile(r"^export\s+(default\s+)?((?:async\s+)?function\*?|const|class)\s+(\w+)", re.M)
_NAMES = re.compile(r"^export\s+\{([^}]*)\};[ \t]*$", re.M)
_LATER = re.compile(r'\bimport\("(\.[^"]+)"\)')
_LEFT = re.compile(r"^(?:import|export)\b.*|^(?:await\b|(?:const|let) [^=]+ = await\b).*", re.M)
_IMPORTED = re.compile(r'^@import "([\w-]+\.css)";[ \t]*\n', re.M)
_REMARK_LINE = re.compile(r"^[ \t]*//.*\n", re.M)
_REMARK_STYLE = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M)
_REMARK_BLOCK = re.compile(r"^[ \t]*/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.M)


@dataclass
class Module:
    """One file: what it needs, in the order of its imports, and what it gives, as an expression for each name."""

    path: str
    body: str
    needs: list[str] = field(default_factory=list)
    gives: dict[str, str] = field(default_factory=dict)


def linked(bodies: Mapping[str, bytes], entry: str = ENTRY) -> dict[str, bytes]:
    """All files, with the entries joined. Without an entry they stay as they are. Raises ValueError."""
    made = dict(bodies)
    made |= {name: _style(bodies, name) for name, body in bodies.items() if name.endswith(".css") and _IMPORTED.search(body.decode())}
    made |= {other: _whole(_ordered(bodies, other), other).encode() for other in ALONE if other in bodies}
    if entry not in bodies:
        return made
    joined = _ordered(bodies, entry)
    made[entry] = _whole(joined, entry).encode()
    for module in joined:
        if module.path != entry and not module.path.startswith(AS_IT_IS):
            made[module.path] = _door(module, entry).encode()
    return made


def _style(bodies: Mapping[str, bytes], name: str) -> bytes:
    """A style sheet with the neighbours that it imports in their places, without remarks. Raises ValueError."""

    def brought(found: re.Match[str]) -> str:
        neighbour = posixpath.join(posixpath.dirname(name), found[1])
        if neighbour not in bodies:
            raise ValueError(f"{neighbour}: is imported and is not there")
        return bodies[neighbour].decode()

    return _REMARK_STYLE.sub("", _IMPORTED.sub(brought, bodies[name].decode())).encode()


def _ordered(bodies: Mapping[str, bytes], entry: str) -> list[Module]:
    """The entry and what it imports, what is needed first. Raises ValueError for a circle."""
    done: dict[str, Module] = {}
    begun: set[str] = set()

    def visit(path: str) -> None:
        if path in done:
            return
        if path in begun or path not in bodies:
            raise ValueError(f"{path}: {'imports itself in a circle' if path in begun else 'is imported and is not there'}")
        begun.add(path)
        module = Module(path, "") if path.startswith(AS_IT_IS) else _read(path, bodies[path].decode())
        for needed in module.needs:
            visit(needed)
        done[path] = module

    visit(entry)
    return list(done.values())


def _read(path: str, text: str) -> Module:
    module = Module(path, "")

    def brought(found: re.Match[str]) -> str:
        kind, what, target = found[1], found[2], _target(path, found[3])
        if kind == "export" and not what.startswith("{"):
            raise ValueError(f"{path}: cannot be joined: {found[0]}")
        module.needs.append(target)
        if kind == "export":
            module.gives |= {name: f"$modules[{target!r}].{given}" for given, name in _pairs(what.strip().strip("{}"))}
            return ""
        return _bound(what, f"$modules[{target!r}]")

    def given(found: re.Match[str]) -> str:
        module.gives[found[3]] = found[3]
        if found[1]:
            module.gives["default"] = module.gives.pop(found[3])
        return f"{found[2]} {found[3]}"

    def named(found: re.Match[str]) -> str:
        module.gives |= {name: own for own, name in _pairs(found[1])}
        return ""

    body = _REMARK_BLOCK.sub("", _REMARK_LINE.sub("", text))
    body = _NAMES.sub(named, _EXPORT.sub(given, _FROM.sub(brought, body)))
    if left := _LEFT.search(body):
        raise ValueError(f"{path}: cannot be joined: {left[0][:80]}")
    module.body = _LATER.sub(lambda found: f'import("{_relative(ENTRY, _target(path, found[1]))}")', body).strip()
    return module


def _bound(what: str, source: str) -> str:
    """`Page, { a, b as c }` or `* as all` as declarations."""
    first, _, rest = what.partition("{")
    said = [f"const {name} = {source}.default;" for name in [first.strip().rstrip(",").strip()] if name and not name.startswith("*")]
    if first.strip().startswith("*"):
        said.append(f"const {first.split()[-1]} = {source};")
    if rest:
        names = [name if there == name else f"{there}: {name}" for there, name in _pairs(rest.rstrip("}"))]
        said.append(f"const {{ {', '.join(names)} }} = {source};")
    return " ".join(said)


def _pairs(names: str) -> Iterable[tuple[str, str]]:
    """`a, b as c` as what it is called there and here."""
    for name in filter(None, (part.strip() for part in names.split(","))):
        there, _, here = name.partition(" as ")
        yield there.strip(), (here or there).strip()


def _whole(modules: list[Module], entry: str) -> str:
    said = ["export const $modules = {};"]
    for n, module in enumerate(modules):
        if module.path.startswith(AS_IT_IS):
            said.insert(0, f'import * as $own{n} from "{_relative(entry, module.path)}";')
            said.append(f"$modules[{module.path!r}] = $own{n};")
        else:
            given = ", ".join(f"{name}: {what}" for name, what in module.gives.items())
            said.append(f"$modules[{module.path!r}] = (() => {{\n{module.body}\nreturn {{ {given} }};\n}})();")
    return "\n".join(said) + "\n"


def _door(module: Module, entry: str) -> str:
    """The same module at its own address."""
    names = ", ".join(name for name in module.gives if name != "default")
    default = f"export default $modules[{module.path!r}].default;\n" if "default" in module.gives else ""
    named = f"export const {{ {names} }} = $modules[{module.path!r}];\n" if names else ""
    return f'import {{ $modules }} from "{_relative(module.path, entry)}";\n{named}{default}'


def _target(path: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))


def _relative(path: str, target: str) -> str:
    found = posixpath.relpath(target, posixpath.dirname(path))
    return found if found.startswith(".") else f"./{found}"
