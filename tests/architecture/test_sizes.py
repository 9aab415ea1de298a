"""Where a piece must be split. The expected sizes are smaller; the run prints what they are."""

from collections import Counter

from tests.architecture.source import ROOT, FunctionNode, sources

FUNCTION_LINES = 50
PARAMETERS = 6
FILE_LINES = 400
TEST_FILE_LINES = 500
FOLDER_FILES = 12

DELIBERATE = {  # where the rule would make the code worse, and why
    "src/wearbase_client/client.py: __init__": "the options of a client, by keyword",
    "src/wearbase_client/async_client.py: __init__": "the options of a client, by keyword",
    "src/wearbase/store/postgres/migrations/versions": "a migration more for each release; they stand in a row",
}

OURS = sources("src", "tools", "bench")
TESTS = sources("tests")


def test_functions() -> None:
    long = [
        f"{source.name}:{node.lineno} {node.name}: {lines} lines"
        for source in OURS + TESTS
        for node in source.functions()
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_parameters() -> None:
    """Not counted: `self`, `cls`, and the transaction `tx` that every function of the store works in."""
    many = [
        f"{source.name}:{node.lineno} {node.name}: {count} parameters"
        for source in OURS
        for node in source.functions()
        if (count := _parameter_count(node)) > PARAMETERS and f"{source.name}: {node.name}" not in DELIBERATE
    ]
    assert not many, "\n".join(many)


def test_files() -> None:
    long = [f"{source.name}: {source.line_count} lines" for source in OURS if source.line_count > FILE_LINES]
    long += [f"{source.name}: {source.line_count} lines" for source in TESTS if source.line_count > TEST_FILE_LINES]
    assert not long, "\n".join(long)


def test_folders() -> None:
    """Modules beside one another; `__init__.py` is the folder itself."""
    counts = Counter(source.path.parent for source in OURS if source.path.name != "__init__.py")
    named = {str(folder.relative_to(ROOT)): count for folder, count in counts.items()}
    full = [f"{folder}: {count} files" for folder, count in named.items() if count > FOLDER_FILES and folder not in DELIBERATE]
    assert not full, "\n".join(full)


def test_no_folder_for_functions_without_a_home() -> None:
    homeless = {"utils", "common", "helpers", "core", "base", "services"}
    found = [source.name for source in OURS if homeless & {*source.path.relative_to(ROOT).parts, source.path.stem}]
    assert not found, "\n".join(found)


def _parameter_count(node: FunctionNode) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(names) - bool(names and names[0] in {"self", "cls", "tx"})
