"""The embedded database: a real PostgreSQL in the data folder, started by the program that needs it."""

from wearbase.store.postgres.embedded.account import EmbeddedError, default_data_dir
from wearbase.store.postgres.embedded.server import DataFolderBusy, EmbeddedPostgres, is_made, is_running

__all__ = ["DataFolderBusy", "EmbeddedError", "EmbeddedPostgres", "default_data_dir", "is_made", "is_running"]
