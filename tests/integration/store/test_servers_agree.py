"""The main job on each server: ours, PostgreSQL 15, and behind a transaction-mode pooler."""

from tests.integration.harness import bench


async def test_connect_backfill_webhook_and_disconnect(any_database_url: str, is_pooled: bool) -> None:
    async with bench(any_database_url, is_pooled=is_pooled) as world:
        account = (await world.members())[0]["user_id"]
        await world.connect("ann")
        await world.work()
        await world.step(minutes=10)
        await world.event(account, "workout")
        await world.deliver()
        await world.work()
        await world.same_as_truth("ann", account)
        await world.step(hours=2, webhooks=False)
        await world.mark()
        await world.work()
        assert {s["error"] for s in (await world.states()).values()} == {None}
