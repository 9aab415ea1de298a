"""Storms that once lost something, and the shortest of their kind."""

from tests.integration.storm.driver import Storm


async def test_calm_weather(weather: Storm) -> None:
    for user in ("ann", "cho"):
        await weather.connect(user)
    await weather.work()
    await weather.step(6 * 3600)
    await weather.deliver()
    await weather.work_together()
    await weather.subside()
