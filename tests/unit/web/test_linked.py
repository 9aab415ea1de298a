"""Joining the app's first page: what comes out is the same modules, and what is not understood is refused."""

import re

import pytest

from wearbase.web.app_files import FOLDER, AppFiles
from wearbase.web.linked import ENTRY, linked

MAIN = """import Page, { named as other } from "./a.js";
import * as all from "./b.js";
other(Page, all.two, () => import("./pages/later.js"));
"""
A = """// a remark
import { two } from "./b.js";
/** What it is. */
export function named() {}
export default function Page() {
  return two;
}
"""
B = """import { h } from "../vendor/ui.js";
export const two = h(2);
export { h };
export {
  one,
} from "./c.js";
"""
FILES = {
    "js/main.js": MAIN.encode(),
    "js/a.js": A.encode(),
    "js/b.js": B.encode(),
    "js/c.js": b"export const one = 1;\n",
    "js/pages/later.js": b'import { two } from "../b.js";\n',
    "vendor/ui.js": b"export{h};",
}


def test_what_the_entry_imports_comes_first_each_in_a_function_of_its_own() -> None:
    whole = linked(FILES)[ENTRY].decode()
    assert whole.index("$modules['js/c.js'] =") < whole.index("$modules['js/b.js'] =") < whole.index("$modules['js/a.js'] =")
    assert "const Page = $modules['js/a.js'].default; const { named: other } = $modules['js/a.js'];" in whole
    assert "const all = $modules['js/b.js'];" in whole
    assert "return { one: $modules['js/c.js'].one, two: two, h: h };" in whole
    assert whole.startswith('import * as $own0 from "../vendor/ui.js";')
    assert 'import("./pages/later.js")' in whole
    assert "remark" not in whole
    assert "What it is" not in whole


def test_a_joined_file_gives_the_same_module_at_its_own_address() -> None:
    made = linked(FILES)
    assert made["js/a.js"].decode().splitlines() == [
        'import { $modules } from "./main.js";',
        "export const { named } = $modules['js/a.js'];",
        "export default $modules['js/a.js'].default;",
    ]
    assert made["js/pages/later.js"] == FILES["js/pages/later.js"]
    assert made["vendor/ui.js"] == FILES["vendor/ui.js"]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("js/c.js", b'import { two } from "./b.js";\nexport const one = two;\n', "circle"),
        ("js/c.js", b"export let one = 1;\n", "export let one"),
        ("js/c.js", b'export * from "./b.js";\n', r"export \*"),
        ("js/c.js", b"export const one = 1;\nawait one;\n", "await one"),
        ("js/c.js", b'import "./b.js";\nexport const one = 1;\n', 'import "./b.js"'),
        ("js/b.js", b'import { gone } from "./gone.js";\nexport const two = 2;\n', "is not there"),
    ],
)
def test_what_cannot_be_joined_is_refused_by_name(name: str, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        linked(FILES | {name: body})


def test_a_style_sheet_brings_its_neighbours_along_in_their_order() -> None:
    given = {"css/first.css": b'/* a remark */\n@import "a.css";\n@import "b.css";\n', "css/a.css": b"a {}\n", "css/b.css": b"b {}\n"}
    assert linked(given) == given | {"css/first.css": b"a {}\nb {}\n"}
    with pytest.raises(ValueError, match=r"css/b\.css: is imported and is not there"):
        linked({name: body for name, body in given.items() if name != "css/b.css"})


def test_files_without_the_entry_stay_as_they_are() -> None:
    assert linked({"js/other.js": b"import x"}) == {"js/other.js": b"import x"}


def test_the_apps_own_files_are_joined_into_a_first_page_that_is_small() -> None:
    files = AppFiles().now().files
    whole = files[ENTRY].body.decode()
    assert re.findall(r"^import .*", whole, re.M) == ['import * as $own0 from "../vendor/ui.js";']
    assert "parts/month.js'] =" not in whole, "what is not needed at first comes later"
    static = {path.relative_to(FOLDER).as_posix() for path in (FOLDER / "js").rglob("*.js")}
    for path in re.findall(r'import\("\.(/[^"]+)"\)', whole):
        assert f"js{path}" in static


def test_another_pages_entry_is_joined_by_itself_and_does_not_start_the_app() -> None:
    made = linked(
        {
            "js/main.js": b'import { say } from "./words.js";\nsay();\n',
            "js/pages/ops.js": b'import { say } from "../words.js";\nsay("ops");\n',
            "js/words.js": b"export function say(what) {}\n",
        }
    )
    joined = made["js/pages/ops.js"].decode()
    assert "main.js" not in joined
    assert "import" not in joined
    assert 'say("ops");' in joined
    assert "main.js" in made["js/words.js"].decode()
