"""Kinds of members: what sets a runner, a shift worker or a traveller apart."""

from typing import Any

# By member number, in turn. The first three keep regular hours.
TURN = ("runner", "steady", "rider", "steady", "shift-worker", "traveller", "forgetful", "frail", "reveller", "napper")
NEWCOMER_EVERY, NEWCOMER_AT = 24, 12

KINDS: dict[str, dict[str, Any]] = {
    "steady": {"story": "regular hours"},
    "runner": {"story": "runner training for a race", "train_chance": 0.8, "lead": ("running", "weightlifting_msk", "walking", "yoga")},
    "rider": {"story": "weekend rider", "train_chance": 0.45, "lead": ("cycling", "walking", "hiking-rucking", "yoga")},
    "shift-worker": {"story": "shift worker", "nap_chance": 0.2},
    "traveller": {"story": "often in another time zone"},
    "forgetful": {"story": "forgets to charge the strap", "gap_chance": 0.75},
    "frail": {"story": "often ill", "ill_chance": 0.9, "train_chance": 0.35},
    "reveller": {"story": "late nights and drinks", "drink_chance": 0.3, "bed_min": 25.0},
    "napper": {"story": "short nights and naps", "nap_chance": 0.45, "short_min": 45.0},
    "newcomer": {"story": "first week", "history_days": 5},
}


def kind_of(number: int) -> str:
    """The kind of member `number`."""
    return "newcomer" if number % NEWCOMER_EVERY == NEWCOMER_AT else TURN[(number - 1) % len(TURN)]
