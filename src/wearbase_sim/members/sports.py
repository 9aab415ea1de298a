"""The sports that members do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sport:
    """A sport: its wire names, how hard and how long it usually is, and its pace if outdoors."""

    name: str
    id: int
    intensity: float
    minutes: int
    steps_per_min: int
    metres_per_min: float = 0.0
    climb_per_km: float = 0.0


SPORTS = (
    Sport("running", 0, 0.74, 46, 165, metres_per_min=172, climb_per_km=8),
    Sport("cycling", 1, 0.62, 72, 0, metres_per_min=410, climb_per_km=9),
    Sport("weightlifting_msk", 123, 0.47, 58, 22),
    Sport("yoga", 44, 0.22, 45, 4),
    Sport("swimming", 33, 0.6, 40, 0),
    Sport("hiking-rucking", 52, 0.44, 110, 95, metres_per_min=72, climb_per_km=28),
    Sport("table-tennis", 230, 0.4, 55, 60),
    Sport("hiit", 96, 0.78, 28, 70),
    Sport("soccer", 30, 0.72, 80, 105),
    Sport("walking", 63, 0.24, 50, 108, metres_per_min=82, climb_per_km=6),
    Sport("functional-fitness", 48, 0.66, 45, 45),
    Sport("sauna", 233, 0.2, 20, 0),
)
BY_NAME = {sport.name: sport for sport in SPORTS}
GENERIC = Sport("activity", -1, 0.4, 40, 50)
