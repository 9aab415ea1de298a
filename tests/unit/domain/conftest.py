"""Property tests judge results, not the speed of the machine."""

from hypothesis import settings

settings.register_profile("wearbase", deadline=None)
settings.load_profile("wearbase")
