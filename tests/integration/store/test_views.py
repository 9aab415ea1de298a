"""The views and the function for people who look into the database directly."""

from datetime import date, timedelta

from tests.integration.harness import Bench, bench

COLUMNS = {
    "whoop_users": "id, user_id, whoop_user_id, scopes, is_active, created_at",
    "whoop_recovery": "id, user_id, recovery_score, hrv_rmssd_milli, resting_heart_rate, spo2_percentage, skin_temp_celsius, "
    "created_at, updated_at",
    "whoop_sleep": "id, user_id, total_sleep_time_milli, sleep_performance_percentage, rem_sleep_milli, slow_wave_sleep_milli, "
    "light_sleep_milli, awake_milli, start_time, end_time",
    "whoop_workout": "id, user_id, strain_score, average_heart_rate, max_heart_rate, calories_burned, distance_meters, sport_name, "
    "start_time, end_time",
    "whoop_cycle": "id, user_id, day_strain, calories_burned, start_time, end_time",
    "whoop_sync_log": "user_id, data_type, last_sync_at, records_synced, sync_status, error_message",
}


async def columns(world: Bench, view: str) -> str:
    found = await world.rows(
        "select string_agg(column_name, ', ' order by ordinal_position) as names from information_schema.columns"
        " where table_schema = 'wearbase' and table_name = %s",
        view,
    )
    return found[0]["names"]


async def test_the_views_say_what_the_provider_said(any_database_url: str, is_pooled: bool) -> None:
    async with bench(any_database_url, is_pooled=is_pooled) as world:
        account = (await world.members())[0]["user_id"]
        await world.connect("ann")
        await world.work()
        for view, expected in COLUMNS.items():
            assert await columns(world, view) == expected
        recovery = (await world.truth(account, "recovery"))[0]
        (seen,) = await world.rows("select * from wearbase.whoop_recovery where id = %s", str(recovery["cycle_id"]))
        assert seen["recovery_score"] == recovery["score"]["recovery_score"]
        assert seen["hrv_rmssd_milli"] == recovery["score"]["hrv_rmssd_milli"]
        workout = (await world.truth(account, "workout"))[0]
        (seen,) = await world.rows("select * from wearbase.whoop_workout where id = %s", workout["id"])
        assert seen["calories_burned"] == workout["score"]["kilojoule"]
        assert {r["sync_status"] for r in await world.rows("select * from wearbase.whoop_sync_log")} == {"success"}
        assert [r["is_active"] for r in await world.rows("select * from wearbase.whoop_users")] == [True]


async def test_the_daily_summary_agrees_with_the_document(any_database_url: str, is_pooled: bool) -> None:
    async with bench(any_database_url, is_pooled=is_pooled) as world:
        await world.connect("ann")
        await world.work()
        day: date = (await world.rows("select open_day from wearbase.connection"))[0]["open_day"] - timedelta(days=1)
        document = await world.day("ann", day)
        (row,) = await world.rows("select * from wearbase.get_daily_summary('ann', %s)", day)
        assert row["recovery_score"] == document["recovery"]["score"]
        assert row["sleep_duration_hours"] == document["sleep"]["asleep_s"] / 3600
        assert row["day_strain"] == document["cycle"]["strain"]
        assert row["total_calories"] == document["cycle"]["energy_kcal"]
        assert await world.rows("select * from wearbase.get_daily_summary('nobody', %s)", day) == []
