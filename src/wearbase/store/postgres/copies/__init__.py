"""Copies of the database: one file, made and read by PostgreSQL's own programs."""

from wearbase.store.postgres.copies.dumping import Copy, dump
from wearbase.store.postgres.copies.programs import CopyFailed
from wearbase.store.postgres.copies.restoring import Contents, contents, restore

__all__ = ["Contents", "Copy", "CopyFailed", "contents", "dump", "restore"]
