"""One spelling of our schema's name. SQL is written with `wearbase.`; another name is put in on the way out."""

import re
from functools import cache

DEFAULT_SCHEMA = "wearbase"
ASIDE = "_before_restore"  # what the name of a schema ends with while another is put in its place
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_OURS = re.compile(r"\bwearbase\.|'wearbase'")


def is_valid(schema: str) -> bool:
    """Whether a name may be used without quotes."""
    return bool(_NAME.match(schema))


@cache
def in_schema(sql: str, schema: str) -> str:
    """The statement with our tables looked up in that schema."""
    return _OURS.sub(lambda m: f"'{schema}'" if m[0].startswith("'") else f"{schema}.", sql)
