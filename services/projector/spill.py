"""The records of a partition in portions that fit in memory: by bucket of their keys, on disk where they have to be."""

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import msgspec

from contracts.events import Record

BUCKETS = 64
BITS = BUCKETS.bit_length() - 1
FINEST = 32 // BITS - 1
"""Buckets of buckets of buckets: as far as the bits of a checksum go."""
GROWTH = 16
"""Bytes of memory that a byte of a record comes to while it is folded: of analyses, which grow most, by measurement."""
OVERHEAD = 2_000
"""Bytes of memory that a record takes besides."""
_LENGTH = 4


class Spill:
    """All records of a key come out in one portion, in the order they went in. `most` is in bytes of memory. What is
    too large in one bucket is spilled once more, to finer ones.

    A context: the folder is emptied before, and gone afterwards.
    """

    def __init__(self, folder: Path, most: int, fineness: int = 0) -> None:
        self._folder = folder
        self._most = most
        self._fineness = fineness
        self._records: list[Record] = []
        self._held = 0
        self._sizes = [0] * BUCKETS
        self._files: list[BinaryIO] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Record)

    def __enter__(self) -> "Spill":
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, record: Record) -> None:
        self._records.append(record)
        self._held += weight(record)
        if self._held > self._most:
            self._write()

    def portions(self) -> Iterator[Iterator[Record]]:
        """Each comes to at most `most` bytes where no key alone has more. One is read before the next is asked for."""
        if not self._files:
            yield iter(self._records)
            return
        self._write()
        for file in self._files:
            file.flush()
        for group in self._grouped():
            if sum(self._sizes[bucket] for bucket in group) > self._most and self._fineness < FINEST:
                yield from self._finer(*group)
            else:
                yield chain.from_iterable(map(self._read, group))

    def _finer(self, bucket: int) -> Iterator[Iterator[Record]]:
        with Spill(self._folder / f"of-{bucket}", self._most, self._fineness + 1) as finer:
            for record in self._read(bucket):
                finer.add(record)
            yield from finer.portions()

    def _bucket(self, record: Record) -> int:
        return crc32(record.key or b"") >> self._fineness * BITS & BUCKETS - 1

    def _write(self) -> None:
        if not self._files:
            self._folder.mkdir(parents=True)
            self._files = [(self._folder / str(bucket)).open("w+b") for bucket in range(BUCKETS)]
        for record in self._records:
            bucket = self._bucket(record)
            encoded = self._encoder.encode(record)
            self._files[bucket].write(len(encoded).to_bytes(_LENGTH))
            self._files[bucket].write(encoded)
            self._sizes[bucket] += weight(record)
        self._records, self._held = [], 0

    def _grouped(self) -> Iterator[list[int]]:
        group: list[int] = []
        for bucket, size in enumerate(self._sizes):
            if group and sum(self._sizes[one] for one in group) + size > self._most:
                yield group
                group = []
            group.append(bucket)
        yield group

    def _read(self, bucket: int) -> Iterator[Record]:
        file = self._files[bucket]
        file.seek(0)
        while length := file.read(_LENGTH):
            yield self._decoder.decode(file.read(int.from_bytes(length)))


def weight(record: Record) -> int:
    """Bytes of memory that it comes to while it is folded, about."""
    return len(record.value or b"") * GROWTH + OVERHEAD
