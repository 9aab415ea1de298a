"""User ids: what they may look like, and how a log names them."""

import re

from wearbase.domain.errors import BadRequest
from wearbase.store.sealing import KeyRing

PATTERN = r"[A-Za-z0-9._~@:|+-]{1,128}"
_USER_ID = re.compile(PATTERN)


class InvalidField(BadRequest):
    """A field of the request does not have the form it must have."""

    code = "invalid_field"


def checked_user_id(text: str) -> str:
    """The user id. Raises InvalidField."""
    if not _USER_ID.fullmatch(text):
        raise InvalidField("user_id must be 1 to 128 of the characters A-Z a-z 0-9 . _ ~ @ : | + -", field="user_id")
    return text


def name_for_logs(keys: KeyRing, user_id: str) -> str:
    """A name that only this installation can make from the id: 16 hexadecimal digits."""
    return keys.keyed_hash(user_id)[:8].hex()
