"""Copies of the database: one file, made and read by PostgreSQL's own programs."""

from wearbase.store.postgres.copies.carrying import Carried
from wearbase.store.postgres.copies.dumping import Copy, dump
from wearbase.store.postgres.copies.programs import CopyFailed
from wearbase.store.postgres.copies.restoring import Contents, Restored, contents, restore

__all__ = ["Carried", "Contents", "Copy", "CopyFailed", "Restored", "contents", "dump", "restore"]
